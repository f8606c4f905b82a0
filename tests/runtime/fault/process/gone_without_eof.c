/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gone_without_eof.c - an actor in this process is gone, and its channel never comes to its end.
 *
 * Its interpreter is finalised while it waits, so its thread ends where it wants the lock again.
 * The end of a process closes what it had open; the end of a thread closes nothing. The other end
 * of the channel is in the same process, and waits for an answer for ever.
 */
#include <stdio.h>

#include "runtime/core/io.h"
#include "runtime/fault/faults.h"
#include "runtime/spawn/defects.h"

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	char thread[32];

	(void)err;
	if (place->off)
		return GROVE_FAULT_DONE;
	snprintf(thread, sizeof(thread), "thread %d", gettid());
	grove_fault_culprit_gone(thread);
	grove_fault_leaves(true);
	grove_fault_hangs();
	atomic_store(&grove_spawn_defects()->finalised, gettid());
	return grove_sleep(GROVE_MS);
}

const struct grove_fault grove_fault_gone_without_eof = {
	.name = "gone-without-eof",
	.text = "a parent parked on the channel of an in-process actor that is gone without EOF",
	.refuses = grove_fault_needs_thread,
	.depth = 1,
	.breadth = 1,
	.hangs = 1,
	.leaf = leaf,
};
