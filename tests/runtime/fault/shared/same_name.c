/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * same_name.c - two actors of one name, and who looks for the one always finds the other.
 *
 * The root starts two workers, finds each by its name, and tells it that it may end.
 */
#include <errno.h>
#include <string.h>

#include "runtime/actor/registrar.h"
#include "runtime/core/event.h"
#include "runtime/core/thread.h"
#include "runtime/fault/parts.h"

enum { WORKERS = 2 };

/* The name of the workers, and what one is called with to be told. */
static const char worker[] = "worker", tell[] = "tell";

/* Of the actor that runs in this thread. */
static _Thread_local struct grove_event told;

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	(void)err;
	grove_event_init(&told, "word to the worker");
	grove_actor_defects(actor)->find_takes_newest = !off;
	return 0;
}

static int tell_worker(struct grove_error *err)
{
	_grove_portal_ struct grove_portal *portal = NULL;
	struct grove_context *context = NULL;
	int rc = grove_find_actor(worker, &portal, err);

	if (rc == 0)
		rc = grove_fault_open(portal, tell, &context, err);
	return rc < 0 ? rc : grove_context_close(context, 0, NULL, err);
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	struct grove_context *contexts[WORKERS] = { NULL };
	struct grove_portal *portals[WORKERS];
	int rc = 0;

	for (int i = 0; i < WORKERS && rc == 0; i++) {
		rc = grove_actors_start(place->actors, &(struct grove_start_opts){ .name = worker },
					&portals[i], err);
		if (rc == 0)
			rc = grove_fault_open(portals[i], worker, &contexts[i], err);
	}
	for (int i = 0; i < WORKERS && rc == 0; i++)
		rc = tell_worker(err);
	if (rc == 0) {
		/* an idle worker thread ends by itself, and snag would say so */
		(void)grove_threads_drain();
		grove_fault_culprit_in(grove_actors_pid(place->actors, portals[0]),
				       grove_actors_tid(place->actors, portals[0]), told.name);
		grove_fault_hangs();
	}
	/* what is known is enough: one of them was told */
	for (int i = WORKERS; i-- > 0;)
		if (contexts[i])
			rc = grove_context_close(contexts[i], rc, NULL, err);
	if (rc == 0)
		rc = grove_context_close(grove_steal(place->contexts[0]), 0, NULL, err);
	return rc < 0 ? rc : GROVE_FAULT_DONE;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	int rc = 0;

	(void)err;
	if (strcmp(place->path, tell) == 0)
		grove_event_set(&told);
	else if (strcmp(place->path, worker) == 0) {
		/* who has called it is to tell it */
		grove_context_expect(place->above, &told);
		rc = grove_event_wait(&told);
	}
	return rc < 0 ? rc : GROVE_FAULT_DONE;
}

const struct grove_fault grove_fault_same_name = {
	.name = "same-name",
	.text = "two actors registered under one name",
	.depth = 1,
	.breadth = 1,
	.hangs = 1,
	.off_code = 1, /* -ENOTUNIQ, with both of them */
	.arm = arm,
	.leaf = leaf,
	.node = node,
};
