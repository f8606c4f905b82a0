/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.h - a tree of processes with a thread in every common kind of wait that a signal, a tracer
 * or a helpful write would cut short.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { TARGET_MAX = 40, TARGET_PROCESSES = 3, TARGET_LINE = 256 };

/* One thread that waits. */
struct target_thread {
	const char *name; /* of the wait */
	long nr;	  /* the system call it must be in */
	char state;	  /* and the state, as /proc has it */
	pid_t pid, tid;	  /* tid 0: has not started yet */
};

/* Shared with the tree, which fills it in. */
struct target {
	pid_t processes[TARGET_PROCESSES]; /* the first is the root of the tree */
	int semid, msqid;
	size_t count;
	struct target_thread threads[TARGET_MAX];
};

/* Where each thread was at one moment. */
struct target_place {
	char syscall[TARGET_LINE]; /* number, arguments, stack and instruction pointer */
	char stamp[TARGET_LINE];   /* run time and how often it ran */
};

/* Start the tree; NULL with a report on stdout when that fails. End it with target_end(). */
struct target *target_start(void);

/*
 * Wait until every thread is blocked where it shall be and does not move, and note that; false with
 * a report on stdout when that takes too long.
 */
bool target_settle(const struct target *t, struct target_place places[TARGET_MAX]);

/* How many threads are not any more where they were; each is reported when `say` is set. */
size_t target_moved(const struct target *t, const struct target_place places[TARGET_MAX], bool say);

/* Kill the tree and remove what it leaves behind. */
void target_end(struct target *t);
