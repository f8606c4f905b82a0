/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * slow_reaping.c - many actors fail at once, and are ended one after the other: slow, not dead.
 *
 * None of them hears the message that asks for its end, so each costs a whole step of the ladder,
 * and the next one begins only then.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/fault/faults.h"

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	struct grove_actor_defects *defects = grove_actor_defects(actor);

	(void)err;
	defects->reap_in_turn = !off;
	defects->cancel_unanswered = !off;
	return 0;
}

/* One after the other is the one that the root waits for. */
static void blame(const struct grove_fault_place *place, const struct grove_portal *portal)
{
	char child[GROVE_UID_TEXT], word[GROVE_UID_TEXT + 64];
	pid_t pid = grove_actors_pid(place->actors, portal);
	pid_t tid = grove_actors_tid(place->actors, portal);

	grove_uid_print(grove_portal_uid(portal), child);
	snprintf(word, sizeof(word), "which %s %d (%s) is to bring", tid ? "thread" : "process",
		 (int)(tid ? tid : pid), child);
	grove_fault_culprit(getpid(), word, -1);
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	int rc = 0;

	for (size_t i = 0; i < place->count; i++)
		blame(place, place->portals[i]);
	for (size_t i = 0; i < place->count && rc == 0; i++)
		rc = grove_context_send(place->contexts[i], grove_nil(), err);
	if (rc == 0)
		grove_fault_hangs();
	return rc;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	_grove_value_ struct grove_value item = grove_nil();
	int rc = grove_context_recv(place->above, &item, err);

	return rc < 0 ? rc : grove_error_set(err, -EIO, "leaf %s fails", place->path);
}

const struct grove_fault grove_fault_slow_reaping = {
	.name = "slow-reaping",
	.text = "twenty-five actors failing at once whose reaping is serialised",
	.depth = 1,
	.breadth = 25,
	.hangs = 1,
	.off_code = 1, /* with the errors of all of them */
	.arm = arm,
	.leaf = leaf,
	.node = node,
};
