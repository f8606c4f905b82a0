/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * calltree.h - the stacks of all threads of a model as one tree, from the outermost call on: equal
 * beginnings are merged, whatever process they are of.
 *
 * Two calls are the same when kind, function and file are; where in the function a thread stands
 * does not part it from others. What could not be known is a call too: a stack whose outermost
 * calls are missing begins with one that says why, a thread without a stack is one that says why.
 *
 *	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0);
 *	for (uint32_t i = 0; i < t->groups.count; i++)
 *		use(&t->groups.at[i]);		the odd one first
 */
#pragma once

#include "base/strbuf.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "model/model.h"

enum call_kind {
	CALL_NATIVE = 1,
	CALL_KERNEL,
	CALL_CUT,  /* no call: why there are none outside of the next one */
	CALL_NOTE, /* no call: why the ones outside are not sure, or why there are none */
};

enum {
	CALL_LINES = 3,		 /* lines of a function that are kept */
	CALLTREE_DEPTH = 2048,	 /* calls of a stack that are kept, the innermost ones */
	CALLTREE_CALLS = 1 << 22 /* of all stacks together: what is more is not looked at */
};

/* A function. */
struct call {
	uint8_t kind;	 /* enum call_kind */
	uint32_t name;	 /* string of the tree's names; 0: see start */
	uint32_t module; /* string of the model; 0 none */
	uint64_t start;	 /* without a name: where it begins or, when !function, the address */
	bool function;
	uint32_t file; /* string of the model: of its source, 0 unknown */
};

/* One call of the tree; the root, node 0, is none. */
struct call_node {
	uint32_t call;	      /* element of calls */
	uint32_t parent;      /* node; of the root itself */
	uint32_t child, next; /* the first one below, the next one beside it; 0 none */
	uint32_t depth;	      /* calls from the root */
	uint32_t children;    /* directly below */
	uint32_t groups;      /* of threads, at it or below */
	uint32_t threads;     /* at it or below */
	uint32_t group;	      /* element of groups that ends here, or UINT32_MAX */
	uint32_t best;	      /* the first of all groups at it or below */
	bool guessed;	      /* some stack has it on less than unwind information */
	uint32_t lines[CALL_LINES], line_count; /* where threads stand in it; more are not kept */
};

/* Threads whose stacks are equal. */
struct call_group {
	uint32_t node; /* where they end */
	uint32_t threads, actors;
	uint32_t first;	 /* element of members; `threads` of them, in the order of the model */
	uint32_t parted; /* depth at which it leaves a crowd of equal ones + 1, or 0: no crowd */
	bool culprit;	 /* has the culprit of the verdict */
	bool lost;	 /* of these nothing is known */
};

struct calltree {
	const struct model *m;
	struct strtab *names;
	VEC(struct call) calls;
	VEC(struct call_node) nodes;
	VEC(struct call_group) groups; /* the odd one first, those of whom nothing is known last */
	VEC(uint32_t) members;	       /* thread ids */
	uint32_t threads, actors;
};

/*
 * The tree of all threads of the model's tree, or of `thread` only when that is not 0. `m` must
 * outlive it. Never NULL.
 */
struct calltree *calltree_new(const struct model *m, uint32_t thread);

/* Free it. NULL is fine. */
void calltree_free(struct calltree *t);
DEFINE_GUARD(calltree)
#define _cleanup_calltree_ _cleanup_(calltree_free_guard)

/* "read", "bash!0x2a3f0", "(cut: ...)": what a call is called, not cleaned. */
void call_add(struct strbuf *out, const struct calltree *t, const struct call *c);
