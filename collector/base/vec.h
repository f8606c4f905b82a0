/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vec.h - a typed growing array.
 *
 * Elements move when it grows: keep indices, not pointers.
 *
 *	VEC(struct point) v = VEC_INIT;
 *	struct point *p = vec_push(&v);		zeroed
 *	for (uint32_t i = 0; i < v.count; i++)
 *		use(&v.at[i]);
 *	vec_release(&v);
 */
#pragma once

#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Build code: the type of a vector of `type`. */
#define VEC(type)                                                                                  \
	struct {                                                                                   \
		type *at;                                                                          \
		uint32_t count, cap;                                                               \
	}

#define VEC_INIT                                                                                   \
	{                                                                                          \
		.at = NULL                                                                         \
	}

/*
 * Room for one more element of `size` bytes; the new memory, zeroed. Use vec_push(). `at` is some
 * other kind of pointer to the compiler: may_alias lets it know that they are the same.
 */
static inline void *vec_grow(void *__attribute__((may_alias)) * at, uint32_t *count, uint32_t *cap,
			     size_t size)
{
	char *slot;

	if (*count == *cap) {
		*cap = *cap ? 2 * *cap : 8;
		*at = xreallocarray(*at, *cap, size);
	}
	slot = (char *)*at + (size_t)*count * size;
	memset(slot, 0, size);
	(*count)++;
	return slot;
}

/* Room for `want` elements of `size` bytes in all. Use vec_reserve(). */
static inline void vec_room(void *__attribute__((may_alias)) * at, uint32_t *cap, uint32_t want,
			    size_t size)
{
	if (want <= *cap)
		return;
	*cap = want;
	*at = xreallocarray(*at, *cap, size);
}

/* Make room for `want` elements in all, which are then pushed without anything moving. */
#define vec_reserve(v, want) vec_room((void *)&(v)->at, &(v)->cap, want, sizeof(*(v)->at))

/* Append a zeroed element and return a pointer to it, valid until the next push. */
#define vec_push(v)                                                                                \
	((__typeof__((v)->at))vec_grow((void *)&(v)->at, &(v)->count, &(v)->cap, sizeof(*(v)->at)))

/* Free the array; the vector is empty and may be used again. */
#define vec_release(v)                                                                             \
	do {                                                                                       \
		free((v)->at);                                                                     \
		(v)->at = NULL;                                                                    \
		(v)->count = (v)->cap = 0;                                                         \
	} while (0)
