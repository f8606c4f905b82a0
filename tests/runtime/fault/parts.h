/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parts.h - what several faults do: whole parts of a row of struct grove_fault, other calls of a
 * leaf, programs that are no actors.
 */
#pragma once

#include <sys/types.h>

#include "runtime/fault/faults.h"

/* `arm` where who ends another actor waits for its end without a bound. 0. */
int grove_fault_arm_patient(struct grove_actor *actor, bool off, struct grove_error *err);

/* `leaf` that has nothing to do. GROVE_FAULT_DONE. */
grove_fault_fn grove_fault_ends;

/* `node` that goes on as usual, and tells the truth log that the calling thread waits for the exits
 * of all actors below that are processes. 0. */
grove_fault_fn grove_fault_awaits_exits;

/* Open a context in an actor of the tree: its fault's leaf() runs there, with this as its path. */
GROVE_MUST_CHECK
int grove_fault_open(struct grove_portal *portal, const char *path, struct grove_context **ret,
		     struct grove_error *err);

/* Whether a node is the first below its parent. */
bool grove_fault_is_first(const struct grove_fault_place *place);

/* A program beside an actor; `input` is the pipe that it reads. */
struct grove_fault_helper {
	pid_t pid;
	int input; /* the write end, open as long as this process lives */
};

/*
 * Start `cat`, which reads what this actor writes, and so ends with it. `inherits`: it gets all
 * descriptors that are not close-on-exec, and the write end of its own input among them: then it
 * never ends. -errno of posix_spawn(3).
 */
GROVE_MUST_CHECK
int grove_fault_help(bool inherits, struct grove_fault_helper *ret, struct grove_error *err);

/* The TCP socket that this actor listens on. Borrowed. -ENOTSOCK: it has none. */
GROVE_MUST_CHECK
int grove_fault_listener(struct grove_error *err);

/* A library that blocks the thread of the loop in a read(2) that nobody can end. */
__attribute__((noreturn)) void grove_fault_block(void);
