/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - what snag has to say about the hangs of docs/HANGS.md.
 */
#include "scenario/grove/grove.h"

/* Several loops in one process: an event may be set from any of them. */
#define LOOPS "which loop of a process waits for which is told by no task"

HANGS({ .fault = "captured-stdout", .verdict = "deadlock", .reason = "not-reading" },
      { .fault = "gone-without-eof", .verdict = "deadlock", .reason = "broken-promise" },
      { .fault = "leaked-channel", .verdict = "deadlock", .reason = "self-wait" },
      { .fault = "missed-exit", .verdict = "deadlock" },
      { .fault = "orphan-sigint", .verdict = "deadlock" },
      { .fault = "peer-handlers", .verdict = "deadlock", .unseen_hosted = LOOPS },
      { .fault = "shielded-receive", .verdict = "deadlock", .unseen_hosted = LOOPS },
      { .fault = "sigint-dropped", .verdict = "deadlock" },
      { .fault = "swallowed-cancel", .verdict = "busy", .moving = true })
