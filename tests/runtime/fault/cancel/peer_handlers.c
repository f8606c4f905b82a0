/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer_handlers.c - an actor ends the handlers of its connections after its children have ended,
 * and one of those waits for such a handler: three levels wait for each other.
 *
 * The leaf has a question open at the root (the registrar), which the root's handler of that
 * connection answers or ends. Its cancel leaves the question open, so that the answer is not lost.
 * The root waits for the actor below, that one for the leaf, the leaf for the root.
 */
#include <errno.h>

#include "runtime/actor/registrar.h"
#include "runtime/core/io.h"
#include "runtime/core/task.h"
#include "runtime/fault/parts.h"

static int ask(void *arg, struct grove_error *err)
{
	const struct grove_fault_place *place = arg;
	_grove_portal_ struct grove_portal *portal = NULL;
	struct grove_scope scope;
	int rc;

	if (place->off)
		grove_scope_enter(&scope, "successor", GROVE_NEVER);
	else
		grove_scope_enter_shielded(&scope, "successor", GROVE_NEVER);
	rc = grove_wait_actor("successor", &portal, err);
	return grove_scope_exit(&scope, rc, err);
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	pid_t root = grove_actor_root_pid(grove_actor_self());
	struct grove_nursery nursery;
	int rc;

	grove_nursery_open(&nursery, "questions");
	grove_spawn(&nursery, "successor", ask, place);
	grove_fault_trap();
	rc = grove_sleep_forever();
	grove_fault_waits("unix-recv", -1, root);
	grove_fault_culprit_root("successor");
	grove_fault_culprit(getpid(), NULL, -1);
	grove_fault_hangs();
	return grove_nursery_exit(&nursery, rc, err);
}

const struct grove_fault grove_fault_peer_handlers = {
	.name = "peer-handlers",
	.text = "peer handlers that are cancelled after the children, one of which waits for them",
	.depth = 2,
	.breadth = 1,
	.trigger = GROVE_TRIGGER_ROOT,
	.traps = 1,
	.hangs = 1,
	.off_code = GROVE_FAULT_SIGINT,
	.arm = grove_fault_arm_patient,
	.leaf = leaf,
	.node = grove_fault_awaits_exits,
};
