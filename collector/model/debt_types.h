/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debt_types.h - what threads were given to do, and who waits for that.
 *
 * To the kernel all threads of a pool wait for each other; which worker has the job that somebody
 * waits for is in the memory of its runtime. Nobody lives or dies by a debt: the levels stay what
 * they are, debts say who is to blame. Strings are ids of the model's table, 0 is "none".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { DEBTS_MAX = 1 << 20 };

/* What is given to a thread, and who may ask for it. */
enum work_kind {
	WORK_TEST, /* of a test runner */
	WORK_JOB,  /* of a pool of processes; `number`: as its parent counts them */
	WORK_CALL, /* of a process pool of an executor; `number`: as its parent counts them */
	WORK_HOLD, /* it has taken a lock that processes share; `number`: which one */
	WORK_FREE, /* of a process: it knows that lock, and has not taken it */
	WORK_DEBTS = WORK_FREE, /* those before it are asked for */
};

/* What a thread is at. Not in captures: the thread keeps the text. */
struct work {
	uint32_t thread;
	uint8_t kind; /* enum work_kind */
	uint64_t number;
};

/* A thread waits for work that it has given away. Not in captures: model_find_debts() makes debts
 * of these. */
struct expect {
	uint32_t thread; /* id: who waits */
	uint8_t kind;	 /* enum work_kind */
	bool any;	 /* for whatever these workers do, not for one number */
	bool vanishes;	 /* work of a worker that is gone comes to nobody's mind again */
	/*
	 * threads of the waiter's process that only carry, all of them or 0: without work that is
	 * given nothing comes of them
	 */
	uint32_t carriers[3];
	bool polls; /* its time-out leads back to the same wait, for ever */
	uint64_t number;
	uint32_t what;	  /* string: "the result of map()" */
	uint32_t pool;	  /* string: who shall do it: "a Pool of 2 processes, ..." */
	uint32_t in_hand; /* thread id: who brings it to a worker or back just now, 0 nobody */
	uint32_t first_worker, worker_count; /* actors: into model.expect_actors */
};

/* One who could do what a thread waits for. */
struct debt {
	uint32_t thread; /* id: who waits; those of a thread stand side by side */
	uint32_t by;	 /* thread id: who has it; 0: nobody any more */
	uint8_t kind;	 /* enum work_kind */
	uint32_t what;	 /* string: "the result of map()" */
	uint32_t lost;	 /* string: why nobody has it, or 0 */
};
