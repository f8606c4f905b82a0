/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_held.c - what snag has to say about hangs of things that are held by the wrong one: ports,
 * locks, names, the terminal, a resource.
 */
#include "scenario/grove/grove.h"

/* To the kernel the actors are servers at rest, and nobody has asked them to end. Their tasks wait,
 * which those of a server at rest do as well. */
#define EVENTS "who could set the event that a task waits for is told by nothing"
#define FIRST "that the first task of the root has to go on, and cannot, is not asked yet"

HANGS({ .fault = "cache-reentry", .verdict = "deadlock", .unseen = EVENTS },
      { .fault = "closed-wakeup", .verdict = "busy", .reason = "busy", .moving = true },
      { .fault = "dead-fork-server", .verdict = "deadlock", .unseen = FIRST },
      { .fault = "fork-with-lock",
	.verdict = "deadlock",
	.finding = "lock-copied-by-fork",
	.unseen = FIRST },
      { .fault = "killed-by-pid", .verdict = "deadlock", .finding = "orphan", .unseen = FIRST },
      { .fault = "same-name", .verdict = "deadlock", .unseen = EVENTS },
      { .fault = "slow-reaping", .verdict = "waiting-with-timeout|progressing", .moving = true },
      { .fault = "stale-entry", .verdict = "waiting-with-timeout", .finding = "orphan" },
      { .fault = "tty-gone", .verdict = "deadlock", .unseen = EVENTS })
