/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * killed_by_pid.c - an actor is killed by its pid alone, and its port lives on.
 *
 * The leaf is stuck in a library, so that it has to be killed. A program that it has started has
 * its listening socket by inheritance. Who takes its place first looks whether it still answers
 * there, as one does with a registrar, and is neither answered nor refused.
 */
#include <errno.h>
#include <stdio.h>

#include "runtime/fault/parts.h"

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	struct grove_actor_defects *defects = grove_actor_defects(actor);

	(void)err;
	if (off)
		return 0;
	defects->ladder_by_pid = true;
	defects->listeners_inherited = true;
	defects->connect_for_ever = true;
	return 0;
}

/* It waits for itself, and has our port: without that the root would be refused. */
static void blame(const struct grove_fault_helper *helper, int listener)
{
	char close_it[GROVE_FAULT_KEY + 64], key[GROVE_FAULT_KEY];

	snprintf(close_it, sizeof(close_it), "close fd %d in pid %d (cat) and the reader of %s",
		 listener, (int)helper->pid, grove_fault_key(listener, key));
	grove_fault_culprit(helper->pid, close_it, helper->input);
	grove_fault_finding("listener-orphaned", helper->pid, listener);
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	struct grove_fault_helper helper = { .pid = 0 };
	int listener = grove_fault_listener(err);
	int rc = listener < 0 ? listener : grove_fault_help(!place->off, &helper, err);

	if (rc == 0)
		rc = grove_context_send(place->above, grove_nil(), err);
	if (rc < 0)
		return rc;
	blame(&helper, listener);
	grove_fault_block();
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs port = GROVE_ADDRS_INIT;
	_grove_portal_ struct grove_portal *portal = NULL;
	_grove_value_ struct grove_value item = grove_nil();
	int rc = grove_context_recv(place->contexts[0], &item, err);

	grove_addrs_copy(&port, grove_portal_addrs(place->portals[0]));
	if (rc == 0)
		rc = grove_actors_end(place->actors, place->portals[0], "it is to be replaced");
	if (rc < 0)
		return rc;
	rc = grove_context_close(grove_steal(place->contexts[0]), 0, NULL, NULL);
	if (rc == -ECANCELED)
		return rc;
	grove_fault_hangs();
	rc = grove_portal_connect(&port, NULL, &portal, err);
	if (rc == 0)
		return grove_error_set(err, -EADDRINUSE, "somebody answers there");
	return rc == -ECONNREFUSED ? GROVE_FAULT_DONE : rc;
}

const struct grove_fault grove_fault_killed_by_pid = {
	.name = "killed-by-pid",
	.text = "a hard kill by pid that leaves grandchildren holding the registrar's port",
	.refuses = grove_fault_needs_process,
	.tcp = true,
	.depth = 1,
	.breadth = 1,
	.hangs = 1,
	.arm = arm,
	.leaf = leaf,
	.node = node,
};
