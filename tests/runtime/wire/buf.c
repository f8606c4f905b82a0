/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/buf.h"

#include <string.h>

/* An empty buffer that held more than this gives its memory back. */
static const size_t KEEP_BYTES = 65536;

void grove_buf_release(struct grove_buf *buf)
{
	free(buf->at);
	*buf = (struct grove_buf)GROVE_BUF_INIT;
}

char *grove_buf_reserve(struct grove_buf *buf, size_t size)
{
	size_t used = grove_buf_size(buf), room = buf->room;

	if (buf->at && room - buf->end >= size)
		return buf->at + buf->end;
	/*
	 * Moving pays only when it frees as much as it moves, or a big buffer moves at each call.
	 */
	if (buf->at && buf->start && buf->start >= used && room - used >= size) {
		memmove(buf->at, grove_buf_data(buf), used);
		buf->start = 0;
		buf->end = used;
		return buf->at + buf->end;
	}
	room = room > 256 ? room : 256;
	while (room - buf->end < size)
		room *= 2;
	buf->at = grove_realloc(buf->at, room, 1);
	buf->room = room;
	return buf->at + buf->end;
}

void grove_buf_grow(struct grove_buf *buf, size_t size)
{
	if (size > buf->room - buf->end)
		grove_bug("a buffer grows by %zu bytes that were not reserved", size);
	buf->end += size;
}

void grove_buf_add(struct grove_buf *buf, const void *bytes, size_t size)
{
	if (!size)
		return;
	memcpy(grove_buf_reserve(buf, size), bytes, size);
	buf->end += size;
}

void grove_buf_take(struct grove_buf *buf, size_t size)
{
	if (size > grove_buf_size(buf))
		grove_bug("%zu bytes of a buffer of %zu", size, grove_buf_size(buf));
	buf->start += size;
	if (buf->start < buf->end)
		return;
	buf->start = buf->end = 0;
	if (buf->room > KEEP_BYTES)
		grove_buf_release(buf);
}

void grove_buf_cut(struct grove_buf *buf, size_t size)
{
	if (size < grove_buf_size(buf))
		buf->end = buf->start + size;
}
