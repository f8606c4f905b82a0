/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cursor.h - reading of foreign bytes that cannot leave them: past the end everything is 0 and the
 * cursor is `bad`, which one check at the end tells.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

/* A cursor over `len` bytes at `p`. */
static inline struct cursor cursor_of(const uint8_t *p, uint64_t len)
{
	return (struct cursor){ .p = p, .end = p + len };
}

/* How many bytes are left. */
static inline uint64_t cursor_left(const struct cursor *c)
{
	return (uint64_t)(c->end - c->p);
}

/* The next `n` bytes, skipped; NULL when there are fewer. */
static inline const uint8_t *cursor_take(struct cursor *c, uint64_t n)
{
	const uint8_t *at = c->p;

	if (c->bad || n > cursor_left(c)) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p += n;
	return at;
}

/* A little-endian number of `n` bytes, at most 8. */
static inline uint64_t cursor_number(struct cursor *c, uint32_t n)
{
	const uint8_t *at = cursor_take(c, n);
	uint64_t v = 0;

	if (at)
		memcpy(&v, at, n);
	return v;
}

/* A byte. */
static inline uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_number(c, 1);
}

/* A number of `n` bytes with its sign. */
static inline int64_t cursor_signed(struct cursor *c, uint32_t n)
{
	uint32_t shift = 64 - 8 * n;

	return (int64_t)(cursor_number(c, n) << shift) >> shift;
}

/* LEB128, with or without a sign; bits beyond 64 are lost. */
static inline uint64_t cursor_leb(struct cursor *c, bool sign)
{
	uint64_t v = 0;
	uint32_t shift = 0;
	uint8_t byte;

	do {
		byte = cursor_u8(c);
		if (shift < 64)
			v |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (sign && shift < 64 && (byte & 0x40))
		v |= ~(uint64_t)0 << shift;
	return v;
}

/* See cursor_leb(). */
static inline uint64_t cursor_uleb(struct cursor *c)
{
	return cursor_leb(c, false);
}

/* See cursor_leb(). */
static inline int64_t cursor_sleb(struct cursor *c)
{
	return (int64_t)cursor_leb(c, true);
}

/* A string that ends within the bytes, skipped; NULL when it does not. */
static inline const char *cursor_string(struct cursor *c)
{
	const uint8_t *nul = c->p < c->end ? memchr(c->p, 0, cursor_left(c)) : NULL;
	const char *s = (const char *)c->p;

	if (!nul || c->bad) {
		c->bad = true;
		c->p = c->end;
		return NULL;
	}
	c->p = nul + 1;
	return s;
}
