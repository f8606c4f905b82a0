/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_held.c - what snag has to say about hangs of things that are held by the wrong one: ports,
 * locks, names, the terminal, a resource.
 */
#include "scenario/grove/grove.h"

HANGS({ .fault = "cache-reentry", .verdict = "deadlock", .reason = "broken-promise" },
      { .fault = "closed-wakeup",
	.verdict = "busy",
	.reason = "busy",
	.findings = { "epoll-hangup" },
	.moving = true },
      { .fault = "dead-fork-server", .verdict = "deadlock", .reason = "never-received" },
      { .fault = "fork-with-lock",
	.verdict = "deadlock",
	.reason = "never-released",
	.findings = { "lock-copied-by-fork" } },
      { .fault = "killed-by-pid",
	.verdict = "deadlock",
	.reason = "self-wait",
	.findings = { "orphan", "listener-orphaned" } },
      { .fault = "same-name", .verdict = "deadlock", .reason = "task-circle" },
      { .fault = "slow-reaping", .verdict = "waiting-with-timeout|progressing", .moving = true },
      { .fault = "stale-entry",
	.verdict = "waiting-with-timeout",
	.findings = { "orphan", "listener-orphaned" } },
      { .fault = "tty-gone", .verdict = "deadlock", .reason = "broken-promise" })
