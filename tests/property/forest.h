/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forest.h - random trees of processes that wait for each other, and the truth about them.
 *
 * A plan says for each process what it waits on and who could end that; it is drawn from a seed,
 * solved by the plainest algorithm there is, and built with real pipes, locks and children.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { FOREST_MAX = 8 };

enum plant_wait {
	PLANT_PIPE_READ,  /* an empty pipe; `others` hold its write end */
	PLANT_PIPE_WRITE, /* a full pipe; `others` hold its read end */
	PLANT_EVENTFD,	  /* at 0; `others` and itself hold it */
	PLANT_CHILD,	  /* the exit of process `other`, its child */
	PLANT_MUTEX,	  /* process-shared, owned by `other` */
	PLANT_FLOCK,	  /* exclusive, against the shared locks of all `others` */
	PLANT_SLEEP,	  /* for an hour */
	PLANT_ACCEPT,	  /* a new connection */
	PLANT_PAUSE,	  /* a signal */
	PLANT_KINDS,
};

/* What the fixpoint says of a process: how it can go on at best. */
enum plant_level { PLANT_TIMED, PLANT_INPUT, PLANT_DEAD };

struct plant {
	enum plant_wait wait;
	uint32_t parent; /* process 0 is the root */
	uint32_t other;
	uint32_t others; /* bits of processes */
	enum plant_level level;
};

struct forest {
	uint32_t seed, count;
	struct plant plants[FOREST_MAX];
};

/* Draw a plan and solve it. */
void forest_plan(struct forest *f, uint32_t seed);

/*
 * Build it: a child of the caller that is the root. pids[i] of every process once each of them is
 * blocked in the system call of its wait. -1 and errno when that does not happen within ten
 * seconds.
 */
int forest_grow(const struct forest *f, pid_t pids[FOREST_MAX]);

/* Kill and reap every process of it. */
void forest_fell(const struct forest *f, const pid_t pids[FOREST_MAX]);

/* The plan in words, a line a process, on stdout. */
void forest_print(const struct forest *f, const pid_t pids[FOREST_MAX]);
