/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * analyzer.h - what the analyzers cannot see from one file; make lint includes it before each.
 */
#pragma once

#include "base/error.h"
#include "base/vec.h"

/* Anything: an analyzer does not know what an unseen function returns. */
void *analyzer_unknown(void);

/* error.c is another file: that the number comes back is all there is to know. */
#define error_set(err, rc, ...) ((void)(err), (rc))
#define error_at(err, rc, ...) ((void)(err), (rc))

/* Who indexes a vector knows its count: `at` is not the NULL of the empty one. */
#undef vec_release
#define vec_release(v)                                                                             \
	do {                                                                                       \
		free((v)->at);                                                                     \
		(v)->at = analyzer_unknown();                                                      \
		(v)->count = (v)->cap = 0;                                                         \
	} while (0)
#undef vec_push
#define vec_push(v) ((__typeof__((v)->at))analyzer_push((void **)&(v)->at, &(v)->count))
void *analyzer_push(void **at, uint32_t *count) __attribute__((returns_nonnull));
#undef VEC_INIT
#define VEC_INIT                                                                                   \
	{                                                                                          \
		.at = analyzer_unknown()                                                           \
	}

#ifndef __clang__
/* What alloc.h returns is to be freed, which its own attributes do not say. */
void *xcalloc(size_t n, size_t size) __attribute__((malloc(free, 1)));
char *xstrdup(const char *s) __attribute__((malloc(free, 1)));
char *xstrndup(const char *s, size_t n) __attribute__((malloc(free, 1)));
__attribute__((malloc(free, 1))) char *xasprintf(const char *fmt, ...);
#endif
