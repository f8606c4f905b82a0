/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buf.h - bytes on their way out: appended at the end, taken at the front.
 *
 *	_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;
 *	grove_buf_add(&buf, "x", 1);
 *	n = write(fd, grove_buf_data(&buf), grove_buf_size(&buf));
 *	grove_buf_take(&buf, n);
 */
#pragma once

#include "runtime/core/base.h"

struct grove_buf {
	char *at;
	size_t start, end, room;
};

#define GROVE_BUF_INIT                                                                             \
	{                                                                                          \
		.at = NULL                                                                         \
	}

/* Free what it holds; it is empty then. */
void grove_buf_release(struct grove_buf *buf);

static inline void grove_buf_guard(struct grove_buf *buf)
{
	grove_buf_release(buf);
}
#define _grove_buf_ _grove_cleanup_(grove_buf_guard)

/* The bytes, and how many. Borrowed until the next change. */
static inline char *grove_buf_data(const struct grove_buf *buf)
{
	return buf->at + buf->start;
}
static inline size_t grove_buf_size(const struct grove_buf *buf)
{
	return buf->end - buf->start;
}

/* Room for `size` bytes at the end, to be filled and then counted by grove_buf_grow(). */
char *grove_buf_reserve(struct grove_buf *buf, size_t size) __attribute__((returns_nonnull));

/* Count `size` reserved bytes as there. */
void grove_buf_grow(struct grove_buf *buf, size_t size);

/* Append `size` bytes. */
void grove_buf_add(struct grove_buf *buf, const void *bytes, size_t size);

/* Let go of `size` bytes at the front. */
void grove_buf_take(struct grove_buf *buf, size_t size);

/* Let go of what lies beyond the first `size` bytes. */
void grove_buf_cut(struct grove_buf *buf, size_t size);
