/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

/* One read takes so much at least, and at most so much more than what has come already. */
enum { LEAST_ROOM = 4096, MOST_ROOM = 65536 };

void grove_frames_init(struct grove_frames *frames, uint32_t limit)
{
	*frames = (struct grove_frames){ .in = GROVE_BUF_INIT, .limit = limit };
}

void grove_frames_release(struct grove_frames *frames)
{
	grove_buf_release(&frames->in);
	frames->given = 0;
}

/* The last frame is done with. */
static void drop_given(struct grove_frames *frames)
{
	grove_buf_take(&frames->in, frames->given);
	frames->given = 0;
}

/* The length at the front; only when the bytes of it are there. */
static uint32_t length_of(const struct grove_frames *frames)
{
	uint32_t length;

	memcpy(&length, grove_buf_data(&frames->in), sizeof(length));
	return ntohl(length);
}

char *grove_frames_space(struct grove_frames *frames, size_t *room)
{
	size_t have, missing = 0;

	drop_given(frames);
	have = grove_buf_size(&frames->in);
	if (have >= GROVE_FRAME_HEAD && length_of(frames) <= frames->limit)
		missing = GROVE_FRAME_HEAD + (size_t)length_of(frames) - have;
	if (have >= GROVE_FRAME_HEAD + (size_t)frames->limit || missing < LEAST_ROOM)
		missing = LEAST_ROOM;
	*room = missing < MOST_ROOM ? missing : MOST_ROOM;
	return grove_buf_reserve(&frames->in, *room);
}

void grove_frames_got(struct grove_frames *frames, size_t size)
{
	grove_buf_grow(&frames->in, size);
}

void grove_frames_feed(struct grove_frames *frames, const void *bytes, size_t size)
{
	drop_given(frames);
	grove_buf_add(&frames->in, bytes, size);
}

/* The first four bytes, when they are text: somebody speaks another protocol. */
static void readable(const struct grove_frames *frames, char text[5])
{
	memcpy(text, grove_buf_data(&frames->in), 4);
	text[4] = 0;
	for (int i = 0; i < 4; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[0] = 0;
}

int grove_frames_next(struct grove_frames *frames, const void **payload, size_t *size,
		      struct grove_error *err)
{
	uint32_t length;
	char text[5];

	drop_given(frames);
	if (grove_buf_size(&frames->in) < GROVE_FRAME_HEAD)
		return 0;
	length = length_of(frames);
	if (!length)
		return grove_error_set(err, -EBADMSG, "an empty frame");
	if (length > frames->limit) {
		readable(frames, text);
		return grove_error_set(err, -EMSGSIZE, "a frame of %u bytes, more than %u%s%s%s",
				       length, frames->limit, *text ? "; it begins with \"" : "",
				       text, *text ? "\": no grove peer" : "");
	}
	if (grove_buf_size(&frames->in) - GROVE_FRAME_HEAD < length)
		return 0;
	*payload = grove_buf_data(&frames->in) + GROVE_FRAME_HEAD;
	*size = length;
	frames->given = GROVE_FRAME_HEAD + (size_t)length;
	return 1;
}

int grove_frames_end(const struct grove_frames *frames, struct grove_error *err)
{
	size_t have = grove_buf_size(&frames->in) - frames->given;

	if (!have)
		return 0;
	if (have < GROVE_FRAME_HEAD || frames->given)
		return grove_error_set(err, -ECONNRESET,
				       "the peer vanished within a frame: %zu bytes of it came",
				       have);
	return grove_error_set(err, -ECONNRESET,
			       "the peer vanished within a frame: %zu of %u bytes",
			       have - GROVE_FRAME_HEAD, length_of(frames));
}

size_t grove_frame_begin(struct grove_buf *out)
{
	static const char head[GROVE_FRAME_HEAD];
	size_t begin = grove_buf_size(out);

	grove_buf_add(out, head, sizeof(head));
	return begin;
}

int grove_frame_end(struct grove_buf *out, size_t begin, uint32_t limit, struct grove_error *err)
{
	size_t size = grove_buf_size(out) - begin - GROVE_FRAME_HEAD;
	uint32_t length = htonl((uint32_t)size);

	if (!size || size > limit) {
		grove_buf_cut(out, begin);
		return grove_error_set(err, -EMSGSIZE, "a message of %zu bytes, not 1 to %u", size,
				       limit);
	}
	memcpy(grove_buf_data(out) + begin, &length, sizeof(length));
	return 0;
}
