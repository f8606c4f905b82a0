/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * job.h - one thread of Python that may be at work for somebody, for the kinds in kinds.h.
 *
 * A kind names the functions of a library that call what was given to a thread. It is asked about
 * each call of them, from the outside in, so that the innermost one that knows more has the last
 * word.
 */
#pragma once

#include "model/debts.h"
#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

/* One thread that is looked at. */
struct py_job {
	struct runtime_site *site;
	struct py *py;
	struct model *m;
	struct map tids; /* tid in its own pid namespace -> thread id of the model */
	uint32_t thread; /* id of the model */
	struct py_frame frames[PY_FRAMES_MAX]; /* innermost first */
	uint32_t frame_count, depth;	       /* depth: of the frame whose turn it is */
	uint32_t interpreter;		       /* index */
	struct py_frame others[PY_FRAMES_MAX]; /* of another thread, see py_job_find_thread() */
	VEC(uint32_t) workers;
};

/* A function that calls what was given to its thread. */
struct py_job_place {
	const char *file; /* how its path ends: "/multiprocessing/pool.py" */
	const char *function;
	void (*read)(struct py_job *x, const struct py_frame *f);
};

struct py_job_kind {
	const char *name;
	const struct py_job_place *places; /* one without a file ends them */
};

/* What people read of it: "test test_a.py::test_b". */
__attribute__((format(printf, 2, 3))) void py_job_says(struct py_job *x, const char *fmt, ...);

/* The name of a frame's function as people know it, "" unknown. Borrowed. */
const char *py_job_function(const struct py_job *x, const struct py_frame *f);

/* Is that the frame of `function` (NULL: any) in a file whose path ends so? */
bool py_job_is_in(const struct py_job *x, const struct py_frame *f, const char *file,
		  const char *function);

/* A local variable of a frame; 0: there is none, or it is None. */
uint64_t py_job_local(struct py_job *x, const struct py_frame *f, const char *name);
/* One that is a number; false: it is none. */
bool py_job_number(struct py_job *x, const struct py_frame *f, const char *name, int64_t *value);

/* An attribute; 0: there is none, or it is None. */
uint64_t py_job_attr(struct py_job *x, uint64_t obj, const char *name);

/* A child of this process, by what its Process or Popen object says, is one of x->workers. */
void py_job_add_worker(struct py_job *x, uint64_t process);

/* The thread waits for what x->workers do. */
void py_job_expect(struct py_job *x, struct expect expect);

/*
 * The thread of this process that runs `function` of such a file with a local variable `name` that
 * is the object `value`, 0: any. *at is the frame in x->others, 0 the innermost. 0: there is none.
 */
struct py_job_search {
	const char *file, *function, *name;
	uint64_t value;
	uint32_t nth; /* so many such threads are passed over */
};
/* See struct py_job_search. */
uint32_t py_job_find_thread(struct py_job *x, const struct py_job_search *search, uint32_t *at);

/* " (die, pool.py:7)" of the outermost call inside of the one whose turn it is that is not in the
 * same file, "" when there is none. */
struct py_job_call {
	char text[160];
};
/* See struct py_job_call. */
struct py_job_call py_job_call(const struct py_job *x, const char *file);
