/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * closed_wakeup.c - a loop keeps reading its wakeup pair after somebody closed the other end.
 *
 * Who did that closes descriptors that he does not know, as a program does that wants to become a
 * daemon. At the end of the pair there is always something to read, and never a byte.
 */
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/fault/faults.h"

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	(void)err;
	if (grove_fault_level(grove_actor_uid(actor)->name) > 0)
		grove_loop_defects(grove_loop_current())->wake_keep_closed = !off;
	return 0;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	struct grove_wake_stats stats;
	uint64_t before;
	int rc = 0;

	(void)err;
	grove_wake_stats(grove_loop_current(), &stats);
	grove_fault_culprit(getpid(), NULL, stats.read_fd);
	close(stats.write_fd);
	before = stats.turns;
	/* the end of the pair is seen with the next turns of the loop */
	while (rc == 0 && stats.reopened == 0 && stats.turns < before + 100) {
		rc = grove_sleep(GROVE_MS);
		grove_wake_stats(grove_loop_current(), &stats);
	}
	if (rc < 0)
		return rc;
	grove_fault_hangs();
	return place->off ? GROVE_FAULT_DONE : 0;
}

const struct grove_fault grove_fault_closed_wakeup = {
	.name = "closed-wakeup",
	.text = "a wakeup pair read in a busy loop after its peer closed",
	.depth = 1,
	.breadth = 1,
	.hangs = 1,
	.arm = arm,
	.leaf = leaf,
};
