/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shielded_receive.c - a receive loop that is shielded from every cancel, and nobody ends it.
 *
 * Whoever shields a loop has to end it himself, by the end of its input. Here the other side waits
 * for the end of the actor before it closes anything.
 */
#include "runtime/core/io.h"
#include "runtime/core/task.h"
#include "runtime/fault/parts.h"

struct part {
	struct grove_fault_place *place;
	bool off;
};

static int receive_loop(void *arg, struct grove_error *err)
{
	struct part *part = arg;
	struct grove_scope scope;
	int rc = 0;

	if (part->off)
		grove_scope_enter(&scope, "receive loop", GROVE_NEVER);
	else
		grove_scope_enter_shielded(&scope, "receive loop", GROVE_NEVER);
	while (rc == 0) {
		_grove_value_ struct grove_value item = grove_nil();

		rc = grove_context_recv(part->place->above, &item, err);
	}
	return grove_scope_exit(&scope, rc, err);
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	struct part part = { .place = place, .off = place->off };
	struct grove_nursery nursery;
	int rc;

	grove_nursery_open(&nursery, "shielded");
	grove_spawn(&nursery, "receive loop", receive_loop, &part);
	grove_fault_trap();
	rc = grove_sleep_forever();
	grove_fault_culprit(getpid(), "receive loop", -1);
	grove_fault_hangs();
	return grove_nursery_exit(&nursery, rc, err);
}

const struct grove_fault grove_fault_shielded_receive = {
	.name = "shielded-receive",
	.text = "a shielded receive loop that nobody cancels",
	.depth = 1,
	.breadth = 1,
	.trigger = GROVE_TRIGGER_ROOT,
	.traps = 1,
	.hangs = 1,
	.off_code = GROVE_FAULT_SIGINT,
	.arm = grove_fault_arm_patient,
	.leaf = leaf,
	.node = grove_fault_awaits_exits,
};
