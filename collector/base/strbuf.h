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

#include <stddef.h>
#include <string.h>

struct strbuf {
	char *s; /* terminated once anything was added; NULL before */
	size_t len, cap;
};

#define STRBUF_INIT                                                                                \
	{                                                                                          \
		.s = NULL                                                                          \
	}

/* Room for `more` bytes and a NUL behind what is there. */
void strbuf_reserve(struct strbuf *b, size_t more);

/* Append formatted text, a string, `n` bytes, one character. */
__attribute__((format(printf, 2, 3))) void strbuf_addf(struct strbuf *b, const char *fmt, ...);
/* See strbuf_addf(). */
void strbuf_adds(struct strbuf *b, const char *s);
/* See strbuf_addf(). */
static inline void strbuf_addn(struct strbuf *b, const char *s, size_t n)
{
	if (b->cap - b->len <= n)
		strbuf_reserve(b, n);
	if (n)
		memcpy(b->s + b->len, s, n);
	b->len += n;
	b->s[b->len] = '\0';
}
/* See strbuf_addf(). */
static inline void strbuf_addc(struct strbuf *b, char c)
{
	if (b->cap - b->len <= 1)
		strbuf_reserve(b, 1);
	b->s[b->len++] = c;
	b->s[b->len] = '\0';
}

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
