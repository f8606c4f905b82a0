/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alloc.h - memory that is always there: out of memory ends the program with one line.
 */
#pragma once

#include <stddef.h>

/* Zeroed memory of n * size bytes; n * size is checked for overflow. Free with free(). */
void *xcalloc(size_t n, size_t size) __attribute__((alloc_size(1, 2), returns_nonnull));

/* `size` bytes, not zeroed. Free with free(). */
void *xmalloc(size_t size) __attribute__((alloc_size(1), returns_nonnull));

/* Resize to n * size bytes, what is new is not zeroed. Free with free(). */
void *xreallocarray(void *p, size_t n, size_t size)
	__attribute__((alloc_size(2, 3), returns_nonnull));

/* A copy of `s`. Free with free(). */
char *xstrdup(const char *s) __attribute__((returns_nonnull));

/* A copy of the first `n` bytes of `s`, terminated. Free with free(). */
char *xstrndup(const char *s, size_t n) __attribute__((returns_nonnull));

/* A formatted string. Free with free(). */
__attribute__((format(printf, 1, 2), returns_nonnull)) char *xasprintf(const char *fmt, ...);
