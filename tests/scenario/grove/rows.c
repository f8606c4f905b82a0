/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - what snag has to say about the hangs of docs/HANGS.md.
 */
#include "scenario/grove/grove.h"

HANGS({ .fault = "captured-stdout",
	.verdict = "deadlock",
	.reason = "not-reading",
	.unseen = "the chain goes round the wakeup pair of the root, not round the full pipe" })
