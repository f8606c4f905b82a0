/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base.h - what every part of grove stands on: errors, guards, memory, time, lists.
 *
 * A fallible function returns 0 (or a count) or -errno for the program and writes one line into
 * the caller's struct grove_error for the person. An error may carry a tree of causes (errors.h),
 * which is why it is declared with its guard:
 *
 *	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
 *	rc = grove_connect(fd, addr, len, &err);
 *	if (rc < 0)
 *		return grove_error_at(&err, rc, "registrar %s", name);
 *
 * -ECANCELED has one meaning only: the cancel scope around the caller is cancelled (scope.h).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define GROVE_MUST_CHECK __attribute__((warn_unused_result))

/* Names of tasks, scopes and objects are copied and cut at this size, with their 0 byte. */
#define GROVE_NAME_SIZE 64

static const int64_t GROVE_MS = 1000000;
static const int64_t GROVE_SECOND = 1000000000;
/* A deadline that never comes, on the clock of grove_now_ns(). */
static const int64_t GROVE_NEVER = INT64_MAX;

struct grove_errors;

struct grove_error {
	int code;	/* -errno, 0: no error */
	char text[384]; /* one line, no newline, always terminated; longer ones are cut */
	struct grove_errors *tree; /* owned, NULL: a plain line. See errors.h */
};

/* An empty error. */
#define GROVE_ERROR_INIT                                                                           \
	{                                                                                          \
		.code = 0                                                                          \
	}

/*
 * Set code and line, let go of a former tree, and return `rc`. `%m` is strerror(-rc).
 * `err` may be NULL.
 */
__attribute__((format(printf, 3, 4))) int grove_error_set(struct grove_error *err, int rc,
							  const char *fmt, ...);

/* Put "text: " in front of the line, keep the tree, and return `rc`. `err` may be NULL. */
__attribute__((format(printf, 3, 4))) int grove_error_at(struct grove_error *err, int rc,
							 const char *fmt, ...);

/* Make `err` empty again and free its tree. NULL is fine. */
void grove_error_clear(struct grove_error *err);

/* Move `from` to `to` (which may be NULL: then `from` is only cleared); `from` is empty after. */
void grove_error_move(struct grove_error *to, struct grove_error *from);

static inline void grove_error_guard(struct grove_error *err)
{
	grove_error_clear(err);
}

/* The guards. A guarded variable is initialised where it is declared. */
#define _grove_cleanup_(f) __attribute__((cleanup(f), unused))
#define _grove_error_ _grove_cleanup_(grove_error_guard)

static inline void grove_free_guard(void *p)
{
	free(*(void **)p);
}
#define _grove_free_ _grove_cleanup_(grove_free_guard)

static inline void grove_close_guard(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define _grove_close_ _grove_cleanup_(grove_close_guard)

/* Build code: the guard of `struct name`, which has a name_free() that takes NULL. */
#define GROVE_GUARD(name)                                                                          \
	static inline void name##_free_guard(struct name **p)                                      \
	{                                                                                          \
		name##_free(*p);                                                                   \
	}

/* The pointer, which the guarded variable no longer owns. */
#define grove_steal(p)                                                                             \
	({                                                                                         \
		__typeof__(p) *_slot = &(p);                                                       \
		__typeof__(p) _value = *_slot;                                                     \
		*_slot = NULL;                                                                     \
		_value;                                                                            \
	})

/* The descriptor, which the guarded variable no longer owns. */
static inline int grove_steal_fd(int *fd)
{
	int value = *fd;

	*fd = -1;
	return value;
}

/* Zeroed memory; out of memory ends the program with one line. Free with free(). */
void *grove_alloc(size_t n, size_t size) __attribute__((alloc_size(1, 2), returns_nonnull));

/* Resize to n * size bytes; what is new is not zeroed. Ends the program when there is none. */
void *grove_realloc(void *p, size_t n, size_t size)
	__attribute__((alloc_size(2, 3), returns_nonnull));

/* A copy of `s`. Free with free(). */
char *grove_strdup(const char *s) __attribute__((returns_nonnull));

/* A formatted string. Free with free(). */
__attribute__((format(printf, 1, 2), returns_nonnull)) char *grove_format(const char *fmt, ...);

/* Copy `s` (NULL: "") into `to`, cut and always terminated. */
void grove_copy_name(char *to, size_t size, const char *s);

/* A mistake of the program that uses grove: one line on stderr, then abort(). */
__attribute__((format(printf, 1, 2), noreturn)) void grove_bug(const char *fmt, ...);

/* CLOCK_MONOTONIC in ns. */
int64_t grove_now_ns(void);

/* `now + after_ns` that does not overflow; after_ns < 0 counts as 0, GROVE_NEVER stays. */
int64_t grove_deadline_after(int64_t after_ns);

/* A circular list with a head; a node that is in no list points to itself. */
struct grove_list {
	struct grove_list *next;
	struct grove_list *prev;
};

static inline void grove_list_init(struct grove_list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool grove_list_empty(const struct grove_list *list)
{
	return list->next == list;
}

/* Put `node` at the end of `list`. */
static inline void grove_list_add(struct grove_list *list, struct grove_list *node)
{
	node->prev = list->prev;
	node->next = list;
	list->prev->next = node;
	list->prev = node;
}

/* Take `node` out of its list. Harmless when it is in none. */
static inline void grove_list_del(struct grove_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	grove_list_init(node);
}

/* Put all nodes of `from`, which is empty then, at the end of `to`. */
static inline void grove_list_move(struct grove_list *to, struct grove_list *from)
{
	if (grove_list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	grove_list_init(from);
}

/* The structure that `ptr` is the `member` of. */
#define grove_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
