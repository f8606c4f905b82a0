/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actors.h - a nursery of actors: none of them outlives it.
 *
 * Like a nursery of tasks, and with one inside: the first failure of an actor or of a function
 * that runs in one cancels all others, and all errors are collected. An actor that is cancelled is
 * asked by a message, has its grace, gets SIGTERM, has its grace, and then it and all below it are
 * killed (the ladder); grove_actors_exit() returns when each one has ended and is reaped. One that
 * is hosted on a thread cannot be killed: it is abandoned then, with an error (-EBUSY).
 *
 *	struct grove_actors actors;
 *	grove_actors_open(&actors, "workers");
 *	rc = grove_actors_start(&actors, &(struct grove_start_opts){ .name = "w" }, &portal, err);
 *	if (rc == 0)
 *		rc = grove_portal_run(portal, "work", grove_nil(), &result, err);
 *	grove_actors_cancel(&actors, "done");
 *	rc = grove_actors_exit(&actors, rc, err);
 */
#pragma once

#include "runtime/actor/actor.h"
#include "runtime/actor/context.h"
#include "runtime/core/nursery.h"

/* Lives on the stack of its task. Callers read `nursery.scope`; they write nothing. */
struct grove_actors {
	struct grove_nursery nursery;
	struct grove_actor *actor; /* whose it is */
	struct grove_list kids;
	struct grove_list results;
	size_t count; /* of actors that have not ended */
	bool hurry;
};

struct grove_start_opts {
	const char *name;		 /* of the actor; needed */
	const char *backend;		 /* NULL: as the parent's own default */
	const struct grove_addrs *binds; /* listen there too; NULL: nowhere else */
	int64_t timeout_ns;		 /* to be up; 0: 20 s */
	/* for grove_actors_run() only */
	const char *func;
	struct grove_value args; /* taken over, in any case */
};

/* What a function run by grove_actors_run() will give. Owned by the nursery. */
struct grove_result;

/* Open it. Only in an actor. */
void grove_actors_open(struct grove_actors *actors, const char *name);

/*
 * Wait until all actors have ended and are reaped, and leave. As grove_nursery_exit(). Actors made
 * by grove_actors_start() end when somebody cancels them: this waits for that.
 */
int grove_actors_exit(struct grove_actors *actors, int rc, struct grove_error *err);

/* Cancel all of its actors. */
void grove_actors_cancel(struct grove_actors *actors, const char *reason);

/*
 * Start an actor that lives until it is cancelled, and wait until it serves. *portal is owned by
 * the nursery and valid until its exit. -ENOTSUP: the backend refuses, and says why; -ETIMEDOUT;
 * -ECHILD: it ended before it was up.
 */
GROVE_MUST_CHECK
int grove_actors_start(struct grove_actors *actors, const struct grove_start_opts *opts,
		       struct grove_portal **portal, struct grove_error *err);

/* Start an actor, run opts->func there, and end the actor after it. Waits until the actor is up.
 * A failure of the function is one of the nursery. `ret` may be NULL. */
GROVE_MUST_CHECK
int grove_actors_run(struct grove_actors *actors, const struct grove_start_opts *opts,
		     struct grove_result **ret, struct grove_error *err);

/* Wait for it and borrow the value until the nursery's exit. -EPIPE when the function failed: the
 * error itself goes to the nursery. */
GROVE_MUST_CHECK
int grove_result_wait(struct grove_result *result, const struct grove_value **value);

/* End one actor that was started here, by the ladder, and wait until it has ended. -EBUSY: it does
 * not, and is abandoned; the nursery fails with an error that says so. */
GROVE_MUST_CHECK
int grove_actors_end(struct grove_actors *actors, struct grove_portal *portal, const char *reason);

/* The process and thread of an actor that was started here; 0 for a thread that is the main one. */
pid_t grove_actors_pid(const struct grove_actors *actors, const struct grove_portal *portal);
pid_t grove_actors_tid(const struct grove_actors *actors, const struct grove_portal *portal);
