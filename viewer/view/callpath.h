/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * callpath.h - the calls of one thread or task, so that those of many can be compared.
 *
 * Two calls are the same when kind, function and file are; where in the function a thread stands
 * does not part it from others. What could not be known is a call too: a stack whose outermost
 * calls are missing begins with one that says why, a thread without a stack is one that says why.
 *
 *	struct callpath *p = callpath_new(m, false);
 *	callpath_thread(p, thread);
 *	for (uint32_t i = 0; i < p->depth; i++)
 *		use(&p->calls.at[p->steps[i].call]);	the innermost first
 *	callpath_free(p);
 */
#pragma once

#include "base/map.h"
#include "base/strbuf.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "model/model.h"

enum call_kind {
	CALL_NATIVE = 1,
	CALL_KERNEL,
	CALL_SCRIPT, /* of what an interpreter runs */
	CALL_TASK,   /* no call: the runtime whose task this is, outside of all its calls */
	CALL_CUT,    /* no call: why there are none outside of the next one */
	CALL_NOTE,   /* no call: why the ones outside are not sure, or why there are none */
};

enum {
	PATH_DEPTH = 2048,	 /* calls of a stack that are kept, the innermost ones */
	PATH_CALLS_MAX = 1 << 22 /* of all stacks together: what is more is not looked at */
};

/* A function. */
struct call {
	uint8_t kind;	 /* enum call_kind */
	bool function;	 /* false: nothing but an address is known */
	uint32_t name;	 /* string of the path's names; 0: see start */
	uint32_t module; /* string of the model: the file of the code, 0 none */
	uint32_t file;	 /* string of the model: of its source, 0 unknown */
	uint64_t start;	 /* without a name: where it begins, or the address */
};

/* A call on a stack. */
struct call_step {
	uint32_t call, line; /* element of calls; where in its file, 0 unknown */
	bool guessed;	     /* found on less than unwind information */
};

struct callpath {
	const struct model *m;
	bool whole;
	struct strtab *names;
	VEC(struct call) calls;
	/* the stack that was asked for last, innermost first */
	struct call_step steps[PATH_DEPTH + 2]; /* two more: the runtime, and why it is cut */
	uint32_t depth;
	bool lost; /* it has no calls */
	/* inner life */
	bool cut;
	uint32_t walked;
	struct map by_hash, by_code;
};

/*
 * No stack yet. `whole`: with the calls of an interpreter's own code, and those outside of all that
 * it runs. `m` must outlive it. Never NULL.
 */
struct callpath *callpath_new(const struct model *m, bool whole);

/* Free it. NULL is fine. */
void callpath_free(struct callpath *p);

/* Look at the stack of a thread or a task of the model; it has one step at least. */
void callpath_thread(struct callpath *p, uint32_t thread);
/* See callpath_thread(). */
void callpath_task(struct callpath *p, uint32_t task);

/* "read", "bash!0x2a3f0", "(cut: ...)": what a call is called, not cleaned. */
void call_add(struct strbuf *out, const struct callpath *p, const struct call *c);
