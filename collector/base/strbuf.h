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

struct strbuf {
	char *s; /* terminated once anything was added; NULL before */
	size_t len, cap;
};

#define STRBUF_INIT                                                                                \
	{                                                                                          \
		.s = NULL                                                                          \
	}

/* Append formatted text, a string, `n` bytes, one character. */
__attribute__((format(printf, 2, 3))) void strbuf_addf(struct strbuf *b, const char *fmt, ...);
/* See strbuf_addf(). */
void strbuf_adds(struct strbuf *b, const char *s);
/* See strbuf_addf(). */
void strbuf_addn(struct strbuf *b, const char *s, size_t n);
/* See strbuf_addf(). */
void strbuf_addc(struct strbuf *b, char c);

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
