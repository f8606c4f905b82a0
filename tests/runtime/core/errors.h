/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errors.h - many errors as one: a tree with the origin of each.
 *
 * A nursery collects the errors of all its children in one tree (trio's ExceptionGroup); a relayed
 * error of another actor is a node that says which actor it came from. Trees are immutable once
 * they hang in a struct grove_error, and counted: ref and unref from any thread.
 *
 *	struct grove_errors *group = grove_errors_new(-EIO, "2 tasks of nursery 'x' failed");
 *	grove_errors_add(group, grove_errors_from(&child_err));
 *	return grove_error_set_tree(err, group);
 */
#pragma once

#include "runtime/core/base.h"

/* Where an error was made. Empty texts: here. */
struct grove_origin {
	char task[GROVE_NAME_SIZE];
	char actor[GROVE_NAME_SIZE];
	char uid[GROVE_NAME_SIZE];
};

/* A node without children, count 1. */
__attribute__((format(printf, 2, 3), returns_nonnull)) struct grove_errors *
grove_errors_new(int code, const char *fmt, ...);

/*
 * The node of `err`: its code and text, and as children those of its tree. Count 1; `err` keeps
 * its own. An empty `err` gives a node with code 0 and "no text".
 */
struct grove_errors *grove_errors_from(const struct grove_error *err)
	__attribute__((returns_nonnull));

/* Put `child` last under `group` and take over the caller's count of it. */
void grove_errors_add(struct grove_errors *group, struct grove_errors *child);

/* Say where the error was made; texts are copied. NULL members of the call leave a field alone. */
void grove_errors_set_origin(struct grove_errors *node, const char *task, const char *actor,
			     const char *uid);

/* One more owner; returns `node`. */
struct grove_errors *grove_errors_ref(struct grove_errors *node);

/* One owner less; the last one frees the tree. NULL is fine. */
void grove_errors_unref(struct grove_errors *node);

static inline void grove_errors_free_guard(struct grove_errors **p)
{
	grove_errors_unref(*p);
}
#define _grove_errors_ _grove_cleanup_(grove_errors_free_guard)

/*
 * Make `err` the error of `tree`: code and text of its root; takes over the caller's count.
 * Returns the code. `err` may be NULL, then the tree is let go.
 */
int grove_error_set_tree(struct grove_error *err, struct grove_errors *tree);

/* Code, line and origin of a node. Borrowed while the node lives. */
int grove_errors_code(const struct grove_errors *node);
const char *grove_errors_text(const struct grove_errors *node);
const struct grove_origin *grove_errors_origin(const struct grove_errors *node);

/* The children of a node, in the order in which they were collected; NULL past the last. */
size_t grove_errors_count(const struct grove_errors *node);
const struct grove_errors *grove_errors_child(const struct grove_errors *node, size_t i);

/* How many nodes without children the tree has: the errors that really happened. */
size_t grove_errors_leaves(const struct grove_errors *node);

/* The first error with this code, depth first, leaves before groups; NULL: none. Borrowed. */
const struct grove_errors *grove_errors_find(const struct grove_errors *node, int code);

/* The tree as text, a node a line, two spaces a level, with origins. Free with free(). */
char *grove_errors_print(const struct grove_errors *node) __attribute__((returns_nonnull));
