/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * park_types.h - what an interpreter says of a thread that waits for an object of its program.
 *
 * The kernel sees a semaphore or a byte of a pipe; the program calls it an RLock or a queue, and
 * may know who has it. runtimes/ fills these, waits/task/park.c makes of each the wait of its
 * thread. Not in captures. Strings are ids of the model's table, 0 is "none".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Who can end such a wait. */
enum park_by {
	PARK_AS_SEEN, /* whom the decoder of its system call has found */
	PARK_PROCESS, /* any other thread of its process */
	PARK_THREADS, /* the threads in `others` */
	PARK_NEVER,   /* nobody: `why` */
};

/* What the handlers of some signals are for, bit n-1 for signal n. Not in captures either. */
struct handled {
	uint32_t actor;	  /* id */
	uint32_t thread;  /* id: its event loop hands them to the program; 0: see below */
	uint64_t signals; /* thread 0: every program of this runtime has a handler for these */
};

struct park {
	uint32_t thread;  /* id: who waits */
	uint8_t kind;	  /* enum wait_type */
	uint8_t by;	  /* enum park_by */
	uint8_t as;	  /* enum term_role of those who can end it */
	bool completion;  /* as in struct wait */
	bool signals;	  /* the handler of a signal could end it as well */
	bool cancels;	  /* of PARK_THREADS: any other thread of the process may cancel it */
	uint32_t what;	  /* string: the kind of the object, "threading.RLock" */
	uint64_t object;  /* its address, which tells it apart; 0 none: the object stays */
	uint32_t label;	  /* string: what people call it, or 0 */
	uint32_t detail;  /* string: a JSON object with the facts of the kind, or 0 */
	uint32_t text;	  /* string for people: "waiting for threading.RLock held by .." */
	uint32_t why;	  /* string of PARK_NEVER */
	uint32_t doubt;	  /* string: how it could end all the same, see struct wait; or 0 */
	uint32_t finding; /* string: the word of a finding about the object, or 0 */
	uint32_t found;	  /* string: the sentence of that */
	uint32_t first_other, other_count; /* into model.park_threads */
};
