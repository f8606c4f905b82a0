/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calltree.h - the stacks of all threads and tasks of a model as one tree, from the outermost call
 * on: equal beginnings are merged, whatever process they are of.
 *
 *	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);
 *	for (uint32_t i = 0; i < t->groups.count; i++)
 *		use(&t->groups.at[i]);		the odd one first
 */
#pragma once

#include "callpath.h"

enum { CALL_LINES = 3 }; /* lines of a function that are kept */

/* One call of the tree; the root, node 0, is none. */
struct call_node {
	uint32_t call;	      /* element of the path's calls */
	uint32_t parent;      /* node; of the root itself */
	uint32_t child, next; /* the first one below, the next one beside it; 0 none */
	uint32_t depth;	      /* calls from the root */
	uint32_t children;    /* directly below */
	uint32_t groups;      /* at it or below */
	uint32_t size;	      /* threads and tasks at it or below */
	uint32_t group;	      /* element of groups that ends here, or UINT32_MAX */
	uint32_t best;	      /* the first of all groups at it or below */
	bool guessed;	      /* some stack has it on less than unwind information */
	/* where threads stand in it; of more than CALL_LINES only how many there are is known */
	uint32_t lines[CALL_LINES], line_count;
};

/* A thread or a task; the id of the other is 0. */
struct call_member {
	uint32_t actor, thread, task;
};

/* Those whose stacks are equal. */
struct call_group {
	uint32_t node;	/* where they end */
	uint32_t first; /* element of members; `size` of them, in the order of the model */
	uint32_t size, tasks, actors;
	uint32_t parted; /* depth at which it leaves a crowd of equal ones + 1, or 0: no crowd */
	bool culprit;	 /* has the culprit of the verdict */
	bool lost;	 /* of these nothing is known */
};

struct calltree {
	const struct model *m;
	struct callpath *path;
	VEC(struct call_node) nodes;
	VEC(struct call_group) groups; /* the odd one first, those of whom nothing is known last */
	VEC(struct call_member) members;
	uint32_t threads, tasks, actors;
};

/*
 * The tree of all threads and tasks of the model's tree, or of `thread` only when that is not 0.
 * `whole` as in callpath_new(). `m` must outlive it. Never NULL.
 */
struct calltree *calltree_new(const struct model *m, uint32_t thread, bool whole);

/* Free it. NULL is fine. */
void calltree_free(struct calltree *t);
DEFINE_GUARD(calltree)
#define _cleanup_calltree_ _cleanup_(calltree_free_guard)

/* The call at a node, which is not the root. Borrowed. */
static inline const struct call *calltree_call(const struct calltree *t, uint32_t node)
{
	return &t->path->calls.at[t->nodes.at[node].call];
}
