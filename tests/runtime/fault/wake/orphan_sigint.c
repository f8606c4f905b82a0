/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * orphan_sigint.c - an actor that outlives its parent, and whose SIGINT never wakes its loop.
 *
 * The handler notes the signal, and leaves it to the next event to have it looked at. As long as
 * there is a parent somebody always says something; an orphan hears nothing any more.
 */
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/fault/faults.h"

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	struct grove_actor_defects *defects = grove_actor_defects(actor);

	(void)err;
	/* not the defect: a server that is meant to outlive who started it */
	defects->parent_unwatched = true;
	defects->orphan_stays = true;
	grove_loop_defects(grove_loop_current())->signal_no_wake = !off;
	return 0;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	(void)place;
	(void)err;
	grove_fault_culprit(getpid(), "SIGINT", -1);
	grove_fault_trap();
	return grove_sleep_forever();
}

const struct grove_fault grove_fault_orphan_sigint = {
	.name = "orphan-sigint",
	.text = "an orphan whose SIGINT never wakes its loop",
	.refuses = grove_fault_needs_process,
	.depth = 1,
	.breadth = 1,
	.trigger = GROVE_TRIGGER_ORPHAN,
	.traps = 1,
	.off_code = -9, /* the root is killed */
	.arm = arm,
	.leaf = leaf,
};
