/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * swallowed_cancel.c - a handler that takes its cancel for one more error and tries again.
 *
 * A cancel is level-triggered: every further call fails at once with it, so the loop runs without
 * an end and without a wait, and nothing else in this actor gets its turn.
 */
#include <errno.h>
#include <stdio.h>

#include "runtime/core/task.h"
#include "runtime/fault/parts.h"

/* The handler: "what fails once may work the next time". */
static int handle(struct grove_fault_place *place, struct grove_error *err)
{
	char task[GROVE_NAME_SIZE + 64];
	bool told = false;

	for (;;) {
		_grove_value_ struct grove_value item = grove_nil();
		int rc = grove_context_recv(place->above, &item, err);

		if (rc == -EPIPE || rc == -ENOTCONN || (rc == -ECANCELED && place->off))
			return rc;
		if (rc != -ECANCELED || told)
			continue;
		told = true;
		snprintf(task, sizeof(task), "in task \"%s\" when that was read, which was asked",
			 grove_task_name(grove_current()));
		grove_fault_culprit(getpid(), task, -1);
		grove_fault_hangs();
	}
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	grove_fault_trap();
	return handle(place, err);
}

const struct grove_fault grove_fault_swallowed_cancel = {
	.name = "swallowed-cancel",
	.text = "a handler that swallows its cancel and tries again",
	.depth = 1,
	.breadth = 1,
	.trigger = GROVE_TRIGGER_ROOT,
	.traps = 1,
	.hangs = 1,
	.off_code = GROVE_FAULT_SIGINT,
	.arm = grove_fault_arm_patient,
	.leaf = leaf,
};
