/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h - messages in a stream of bytes: four bytes of length, big endian, then the payload.
 *
 * A length of 0 and one above the limit are errors that stay: after them nobody knows where the
 * next frame begins. Nothing here does I/O, and a length that a peer claims costs no memory until
 * the bytes are there.
 *
 *	struct grove_frames frames;
 *	grove_frames_init(&frames, GROVE_FRAME_LIMIT);
 *	n = read(fd, grove_frames_space(&frames, &room), room);
 *	grove_frames_got(&frames, n);
 *	while ((rc = grove_frames_next(&frames, &payload, &size, err)) > 0)
 *		...
 */
#pragma once

#include "runtime/wire/buf.h"

/* The largest payload by default. */
#define GROVE_FRAME_LIMIT (16u << 20)

/* Bytes of the length. */
#define GROVE_FRAME_HEAD 4

struct grove_frames {
	struct grove_buf in;
	size_t given; /* bytes at the front of `in` that the last frame still uses */
	uint32_t limit;
};

/* Nothing came yet. */
void grove_frames_init(struct grove_frames *frames, uint32_t limit);

/* Free what it holds. */
void grove_frames_release(struct grove_frames *frames);

static inline void grove_frames_guard(struct grove_frames *frames)
{
	grove_frames_release(frames);
}
#define _grove_frames_ _grove_cleanup_(grove_frames_guard)

/* Where the next bytes of the stream may be put, *room of them, at least 4096. */
char *grove_frames_space(struct grove_frames *frames, size_t *room)
	__attribute__((returns_nonnull));

/* `size` bytes were put there. */
void grove_frames_got(struct grove_frames *frames, size_t size);

/* Both in one, for bytes that are somewhere else. */
void grove_frames_feed(struct grove_frames *frames, const void *bytes, size_t size);

/*
 * The next payload: 1, and it is borrowed until the next call; 0 when more bytes are needed.
 * -EMSGSIZE for a length above the limit, -EBADMSG for one of 0; the same again on each call.
 */
GROVE_MUST_CHECK
int grove_frames_next(struct grove_frames *frames, const void **payload, size_t *size,
		      struct grove_error *err);

/* The stream has ended: 0, or -ECONNRESET when that was within a frame. */
GROVE_MUST_CHECK
int grove_frames_end(const struct grove_frames *frames, struct grove_error *err);

/*
 * Begin a frame at the end of `out`, append its payload, and end it with what begin gave.
 * -EMSGSIZE when the payload is above the limit: then `out` is as it was before begin.
 */
size_t grove_frame_begin(struct grove_buf *out);
/* See grove_frame_begin(). */
GROVE_MUST_CHECK
int grove_frame_end(struct grove_buf *out, size_t begin, uint32_t limit, struct grove_error *err);
