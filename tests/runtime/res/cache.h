/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache.h - resources that many tasks share, by a key: entered once, ended by the last user.
 *
 * A resource is a task in the cache's nursery, not of its first user, who may leave first. Its
 * function sets the resource up, offers it, and takes it down when the offer is over:
 *
 *	static int connection(struct grove_offer *offer, void *arg, struct grove_error *err)
 *	{
 *		struct conn conn;
 *		int rc = conn_open(&conn, arg, err);
 *
 *		if (rc < 0)
 *			return rc;
 *		rc = grove_cache_offer(offer, &conn);
 *		conn_close(&conn);
 *		return rc;
 *	}
 *
 *	struct grove_resource what = { .key = "db", .fn = connection, .arg = &db };
 *	rc = grove_cache_enter(&cache, &what, &lease, err);
 *	... lease.value ...
 *	rc = grove_cache_leave(&lease, err);
 *
 * While a resource is taken down its key belongs to it: who enters then waits until it is gone and
 * gets a fresh one. All of it in one loop. The nursery has to outlive the users: they run in it or
 * below, so that a cancel of it reaches them as well.
 */
#pragma once

#include "runtime/core/nursery.h"

struct grove_offer;

/* What a resource is. Gives 0, or -errno with the line in `err`, as a task does. */
typedef int grove_resource_fn(struct grove_offer *offer, void *arg, struct grove_error *err);

struct grove_resource {
	const char *key; /* copied */
	grove_resource_fn *fn;
	void *arg; /* has to live as long as the resource */
};

/* A defect that a real cache had; off. fault/ switches it on. */
struct grove_cache_defects {
	bool reenter_closing; /* who enters during teardown waits for the old one to come back */
};

struct grove_cache {
	struct grove_nursery *nursery;
	struct grove_list offers;
	struct grove_cache_defects defects;
};

/* One use of a resource. */
struct grove_lease {
	struct grove_offer *offer; /* NULL: none */
	void *value;		   /* what was offered; valid until the leave */
};

/* An empty cache, whose resources will live in `nursery`. There is nothing to release. */
void grove_cache_init(struct grove_cache *cache, struct grove_nursery *nursery);

/*
 * Use the resource, which is set up when nobody does yet. 0; -ECANCELED; what its function gave
 * when setting up failed (all who waited for it get that; who comes later tries again); -EPROTO
 * when it returned 0 without an offer; -ESHUTDOWN when the cache's nursery is cancelled.
 * The setting up is cancelled when all who waited for it have been; should it fail nevertheless,
 * that goes to the nursery.
 */
GROVE_MUST_CHECK
int grove_cache_enter(struct grove_cache *cache, const struct grove_resource *what,
		      struct grove_lease *lease, struct grove_error *err);

/*
 * Stop using it; the last user waits until it is gone, and gets what taking down gave. In every
 * case the lease is over, also with -ECANCELED: then nobody waited, and a failure goes to the
 * nursery. An empty lease: 0.
 */
int grove_cache_leave(struct grove_lease *lease, struct grove_error *err);

/*
 * For the function of a resource, once: it is set up, here it is. Returns when the last user has
 * left: 0, or -ECANCELED when it was cancelled meanwhile. Never while somebody uses it.
 */
GROVE_MUST_CHECK
int grove_cache_offer(struct grove_offer *offer, void *value);

/* How many use or wait for the resource of that key; 0 when there is none. */
size_t grove_cache_users(const struct grove_cache *cache, const char *key);
