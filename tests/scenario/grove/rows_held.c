/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_held.c - what snag has to say about hangs of things that are held by the wrong one: ports,
 * locks, names, the terminal, a resource.
 */
#include "scenario/grove/grove.h"

/* As in rows.c: to the kernel the actors are servers at rest. */
#define TASKS "needs the tasks inside of the actors"

HANGS({ .fault = "cache-reentry", .verdict = "deadlock", .unseen = TASKS },
      { .fault = "closed-wakeup", .verdict = "busy", .reason = "busy", .moving = true },
      { .fault = "dead-fork-server", .verdict = "deadlock", .unseen = TASKS },
      { .fault = "fork-with-lock",
	.verdict = "deadlock",
	.finding = "lock-copied-by-fork",
	.unseen = TASKS },
      { .fault = "killed-by-pid", .verdict = "deadlock", .finding = "orphan", .unseen = TASKS },
      { .fault = "same-name", .verdict = "deadlock", .unseen = TASKS },
      { .fault = "slow-reaping", .verdict = "waiting-with-timeout|progressing", .moving = true },
      { .fault = "stale-entry", .verdict = "waiting-with-timeout", .finding = "orphan" },
      { .fault = "tty-gone", .verdict = "deadlock", .unseen = TASKS })
