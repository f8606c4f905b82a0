/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - what snag has to say about the hangs of docs/HANGS.md.
 */
#include "scenario/grove/grove.h"

HANGS({ .fault = "captured-stdout", .verdict = "deadlock", .reason = "not-reading" },
      { .fault = "gone-without-eof", .verdict = "deadlock", .reason = "broken-promise" },
      { .fault = "leaked-channel", .verdict = "deadlock", .reason = "self-wait" },
      { .fault = "missed-exit", .verdict = "deadlock" },
      { .fault = "orphan-sigint", .verdict = "deadlock" },
      { .fault = "peer-handlers", .verdict = "deadlock" },
      { .fault = "shielded-receive", .verdict = "deadlock", .reason = "shielded" },
      { .fault = "sigint-dropped", .verdict = "deadlock" },
      { .fault = "swallowed-cancel", .verdict = "busy", .moving = true })
