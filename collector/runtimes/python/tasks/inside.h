/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h - what the files of tasks/ share.
 */
#pragma once

#include "model/tasks.h"
#include "runtimes/python/tasks/tasks.h"

enum {
	PY_CHAIN_MAX = 200,	/* coroutines, one awaiting the other */
	PY_TASKS_MAX = 1 << 17, /* of one process */
};

/* One process that is read. */
struct py_tasks {
	struct runtime_site *site;
	struct py *py;
	struct model *m;
	uint32_t interpreter;		     /* index of the one whose turn it is */
	uint32_t actor;			     /* id of that one */
	uint32_t listed;		     /* index of the one whose lists are read */
	uint32_t runtime;		     /* string: "asyncio" or "trio" */
	struct map tids;		     /* tid in its own pid namespace -> thread id */
	struct map strings;		     /* string of py -> string of the model */
	struct map tasks, nurseries, scopes; /* address -> id */
	struct map deadlines;		     /* future or task -> 1 + ms left, see asyncio.c */
	struct map loops, homes, mains;	     /* of asyncio, see asyncio.c */
	bool loops_read;
	uint64_t asked; /* the task that was asked about last: is it of the C type? asyncio.c */
	bool native;
	struct map jobs; /* see py_job_thread() */
	bool jobs_read;
	double now_s; /* CLOCK_MONOTONIC */
	bool cut;     /* there are more than are read */
	/* the chain of the task whose turn it is: outermost first */
	struct py_frame frames[PY_CHAIN_MAX];
	uint64_t gens[PY_CHAIN_MAX]; /* whose these are */
	uint32_t frame_count;
	uint64_t leaf; /* what the innermost one awaits, 0: nothing that is known */
	uint8_t state; /* enum py_gen_state of the outermost */
};

/* The tasks of asyncio, or of trio, of the interpreter whose turn it is. */
void py_asyncio_read(struct py_tasks *x);
/* See py_asyncio_read(). */
void py_trio_read(struct py_tasks *x);

/* The thread of the model that a thread state is of, 0 unknown. */
uint32_t py_thread_id(const struct py_tasks *x, const struct py_thread *t);

/* A str of the process as a string of the model; 0: it is none, or empty. */
uint32_t py_model_str(struct py_tasks *x, uint64_t obj);

/* Fill frames, leaf and state from the coroutine of a task. */
void py_chain_read(struct py_tasks *x, uint64_t coro);

/* The frames into the model, innermost first. */
void py_chain_add(struct py_tasks *x, uint32_t task);

/*
 * The innermost frame of that function in a file whose path ends so, or NULL. `file` NULL: in any
 * file.
 */
const struct py_frame *py_chain_find(const struct py_tasks *x, const char *file,
				     const char *function);

/* Is the innermost frame but `depth` that one? */
bool py_chain_at(const struct py_tasks *x, uint32_t depth, const char *file, const char *function);

/* A local variable of a frame, 0 when there is none. */
uint64_t py_chain_local(struct py_tasks *x, const struct py_frame *f, const char *name);

/* An attribute, 0 when it is not there or None. */
uint64_t py_attr_or_0(struct py_tasks *x, uint64_t obj, const char *name);
/* An attribute that is a number, or `none`. */
int64_t py_attr_int(struct py_tasks *x, uint64_t obj, const char *name, int64_t none);
/* An attribute that is a float; false: it is none. */
bool py_attr_float(struct py_tasks *x, uint64_t obj, const char *name, double *value);
/* An attribute that is true. */
bool py_attr_true(struct py_tasks *x, uint64_t obj, const char *name);

/*
 * The thread of the model that works on a job, which a concurrent.futures.Future or trio's
 * function for its result stands for; 0: none does yet, or unknown.
 */
uint32_t py_job_thread(struct py_tasks *x, uint64_t key);

/* A variable that a function took from around it, 0 when there is none. */
uint64_t py_closure_get(struct py_tasks *x, uint64_t function, const char *name);
