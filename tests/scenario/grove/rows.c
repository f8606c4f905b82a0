/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - what snag has to say about the hangs of docs/HANGS.md.
 */
#include "scenario/grove/grove.h"

/* To the kernel each of these actors rests in epoll_wait(2), with a listener that anybody may
 * connect to: that it is not at rest can be read in its tasks only. */
#define TASKS "needs the tasks inside of the actors"
/* Several loops in one process: an event may be set from any of them. */
#define LOOPS "which loop of a process waits for which is told by no task"

HANGS({ .fault = "captured-stdout", .verdict = "deadlock", .reason = "not-reading" },
      { .fault = "gone-without-eof", .verdict = "deadlock", .unseen = TASKS },
      { .fault = "leaked-channel", .verdict = "deadlock", .unseen = TASKS },
      { .fault = "missed-exit", .verdict = "deadlock" },
      { .fault = "orphan-sigint", .verdict = "deadlock", .unseen = TASKS },
      { .fault = "peer-handlers", .verdict = "deadlock", .unseen_hosted = LOOPS },
      { .fault = "shielded-receive", .verdict = "deadlock", .unseen_hosted = LOOPS },
      { .fault = "sigint-dropped", .verdict = "deadlock" },
      { .fault = "swallowed-cancel", .verdict = "busy", .moving = true })
