/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tty_gone.c - the terminal stays with an actor that is gone: its debugger ended the process.
 */
#include <errno.h>

#include "runtime/fault/parts.h"
#include "runtime/res/tty_lock.h"

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	(void)actor;
	(void)err;
	grove_tty_defects()->keep_when_gone = !off;
	return 0;
}

/* The first leaf gets it and quits; the second wants it after that. */
static int node(struct grove_fault_place *place, struct grove_error *err)
{
	struct grove_tty_holder holder;
	int rc;

	/* its end is no error here: it was to be expected of a debugger */
	rc = grove_context_close(grove_steal(place->contexts[0]), 0, NULL, NULL);
	if (rc == -ECANCELED)
		return rc;
	rc = grove_tty_query(&holder, err);
	if (rc == 0 && holder.held)
		grove_fault_culprit(getpid(), holder.actor.name, -1);
	return rc < 0 ? rc : grove_context_send(place->contexts[1], grove_nil(), err);
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	_grove_tty_ struct grove_tty tty = { .held = false };
	_grove_value_ struct grove_value item = grove_nil();
	bool quits = grove_fault_is_first(place);
	int rc = quits ? 0 : grove_context_recv(place->above, &item, err);

	if (rc == 0 && !quits)
		grove_fault_hangs();
	if (rc == 0)
		rc = grove_tty_acquire(&tty, err);
	if (rc == 0 && quits)
		_exit(0);
	return rc < 0 ? rc : GROVE_FAULT_DONE;
}

const struct grove_fault grove_fault_tty_gone = {
	.name = "tty-gone",
	.text = "the terminal lock held by an actor that is gone",
	.refuses = grove_fault_needs_process,
	.depth = 1,
	.breadth = 2,
	.hangs = 1,
	.arm = arm,
	.leaf = leaf,
	.node = node,
};
