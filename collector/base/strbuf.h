/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strbuf.h - a string that grows.
 *
 *	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
 *	strbuf_addf(&b, "%d of %d", 1, 2);
 *	puts(b.s);
 */
#pragma once

#include "base/cleanup.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct strbuf {
	char *s; /* terminated once anything was added; NULL before */
	size_t len, cap;
};

#define STRBUF_INIT                                                                                \
	{                                                                                          \
		.s = NULL                                                                          \
	}

/* Make room for `more` bytes and a NUL behind what is there. Use strbuf_reserve(). */
void strbuf_grow(struct strbuf *b, size_t more);
/* See strbuf_grow(); does nothing where there is room. */
static inline void strbuf_reserve(struct strbuf *b, size_t more)
{
	if (b->cap - b->len <= more)
		strbuf_grow(b, more);
}

/*
 * Append formatted text, a string, `n` bytes, one character. Texts of plain %s, %d and %u do not go
 * through printf(3), which takes three times as long.
 */
__attribute__((format(printf, 2, 3))) void strbuf_addf(struct strbuf *b, const char *fmt, ...);
/* See strbuf_addf(). */
__attribute__((format(printf, 2, 0))) void strbuf_addv(struct strbuf *b, const char *fmt,
						       va_list ap);
/* See strbuf_addf(). */
void strbuf_adds(struct strbuf *b, const char *s);
/* See strbuf_addf(). */
static inline void strbuf_addn(struct strbuf *b, const char *s, size_t n)
{
	strbuf_reserve(b, n);
	if (n)
		memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}
/* See strbuf_addf(). */
static inline void strbuf_addc(struct strbuf *b, char c)
{
	strbuf_reserve(b, 1);
	b->s[b->len++] = c;
	b->s[b->len] = '\0';
}

/* Room for the decimal digits of any 64 bits. */
enum { STRBUF_DIGITS = 20 };

/* The decimal digits of `value` at `to`, where there is room for STRBUF_DIGITS; their end. */
char *strbuf_put_number(char *to, uint64_t value);

/* Empty it, keep its memory. */
void strbuf_reset(struct strbuf *b);

/* The text, never NULL. Borrowed until the next change. */
const char *strbuf_str(const struct strbuf *b);

/* The text, now yours (free()); the buffer is empty. Never NULL. */
char *strbuf_steal(struct strbuf *b);

/* Free the memory; the buffer is empty and may be used again. */
void strbuf_release(struct strbuf *b);
DEFINE_PLACE_GUARD(strbuf)
#define _cleanup_strbuf_ _cleanup_(strbuf_release_guard)
