/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_reentry.c - who enters a resource while it is taken down waits for it to come back.
 *
 * The resource is a context to the leaf, so taking it down is a conversation with another actor.
 * The second user comes in the middle of that.
 */
#include <errno.h>
#include <string.h>

#include "runtime/core/event.h"
#include "runtime/core/nursery.h"
#include "runtime/fault/parts.h"
#include "runtime/res/cache.h"

/* The path that the leaf is called with for the resource, not for itself. */
static const char shared[] = "shared";

struct scene {
	struct grove_fault_place *place;
	struct grove_cache cache;
	struct grove_resource what;
	struct grove_event closing;
};

static int connection(struct grove_offer *offer, void *arg, struct grove_error *err)
{
	struct scene *scene = arg;
	struct grove_context *context;
	int rc = grove_fault_open(scene->place->portals[0], shared, &context, err);

	if (rc < 0)
		return rc;
	rc = grove_cache_offer(offer, context);
	grove_event_set(&scene->closing);
	grove_context_stop(context);
	return grove_context_close(context, rc, NULL, err);
}

static int use(struct scene *scene, struct grove_error *err)
{
	struct grove_lease lease = { .offer = NULL };
	int rc = grove_cache_enter(&scene->cache, &scene->what, &lease, err);

	return rc < 0 ? rc : grove_cache_leave(&lease, err);
}

static int first(void *arg, struct grove_error *err)
{
	return use(arg, err);
}

static int second(void *arg, struct grove_error *err)
{
	struct scene *scene = arg;
	int rc = grove_event_wait(&scene->closing);

	if (rc < 0)
		return rc;
	grove_fault_culprit(getpid(), "resource reopening", -1);
	grove_fault_hangs();
	return use(scene, err);
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	struct scene scene = { .place = place };
	struct grove_nursery cache, users;
	int rc;

	scene.what = (struct grove_resource){ .key = "leaf", .fn = connection, .arg = &scene };
	grove_event_init(&scene.closing, "closing");
	grove_nursery_open(&cache, "cache");
	grove_cache_init(&scene.cache, &cache);
	scene.cache.defects.reenter_closing = !place->off;
	grove_nursery_open(&users, "users");
	grove_spawn(&users, "first", first, &scene);
	grove_spawn(&users, "second", second, &scene);
	rc = grove_nursery_exit(&users, 0, err);
	rc = grove_nursery_exit(&cache, rc, err);
	if (rc == 0)
		rc = grove_context_close(grove_steal(place->contexts[0]), 0, NULL, err);
	return rc < 0 ? rc : GROVE_FAULT_DONE;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	_grove_value_ struct grove_value item = grove_nil();
	int rc = -EPIPE;

	if (strcmp(place->path, shared) == 0)
		rc = grove_context_recv(place->above, &item, err);
	return rc == -EPIPE ? GROVE_FAULT_DONE : rc;
}

const struct grove_fault grove_fault_cache_reentry = {
	.name = "cache-reentry",
	.text = "the cache re-entered during teardown",
	.depth = 1,
	.breadth = 1,
	.hangs = 1,
	.leaf = leaf,
	.node = node,
};
