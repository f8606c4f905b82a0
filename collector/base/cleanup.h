/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cleanup.h - release what a block owns when the block is left.
 *
 * A guarded variable is initialised where it is declared; ownership leaves by steal() only.
 *
 *	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
 *	_cleanup_free_ char *line = xstrdup("x");
 *	return steal(line);
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Its guard uses the variable, which clang does not count as a use. */
#define _cleanup_(f) __attribute__((cleanup(f), unused))

/* Build code: the guard of `struct name`, which has a name_free() that takes NULL. */
#define DEFINE_GUARD(name)                                                                         \
	static inline void name##_free_guard(struct name **p)                                      \
	{                                                                                          \
		name##_free(*p);                                                                   \
	}

/* Build code: the guard of a `struct name` that lives in place, with name_release(). */
#define DEFINE_PLACE_GUARD(name)                                                                   \
	static inline void name##_release_guard(struct name *p)                                    \
	{                                                                                          \
		name##_release(p);                                                                 \
	}

static inline void free_guard(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(free_guard)

static inline void close_guard(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _cleanup_close_ _cleanup_(close_guard)

static inline void fclose_guard(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define _cleanup_fclose_ _cleanup_(fclose_guard)

static inline void closedir_guard(DIR **d)
{
	if (*d)
		closedir(*d);
}
#define _cleanup_closedir_ _cleanup_(closedir_guard)

/* The pointer, which the guarded variable no longer owns. Evaluates its argument once. */
#define steal(p)                                                                                   \
	({                                                                                         \
		__typeof__(p) *_slot = &(p);                                                       \
		__typeof__(p) _value = *_slot;                                                     \
		*_slot = NULL;                                                                     \
		_value;                                                                            \
	})

/* The descriptor, which the guarded variable no longer owns. */
static inline int steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}
