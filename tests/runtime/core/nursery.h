/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nursery.h - where tasks live: no task outlives its nursery.
 *
 * grove_nursery_exit() returns when the body and all children are done. The first error of one of
 * them cancels the others; all errors are collected, none is lost.
 *
 *	struct grove_nursery nursery;
 *	grove_nursery_open(&nursery, "handlers");
 *	grove_spawn(&nursery, "left", left, &l);
 *	grove_spawn(&nursery, "right", right, &r);
 *	rc = grove_nursery_exit(&nursery, rc_of_the_body, err);
 *
 * A nursery lives on the stack of its task and is left like a scope, in the opposite order and by
 * its own task. Others may spawn into it until it is left (same loop only).
 */
#pragma once

#include "runtime/core/base.h"
#include "runtime/core/scope.h"
#include "runtime/core/task.h"

/* Callers read `scope` and use it to cancel all children; they write nothing. */
struct grove_nursery {
	struct grove_scope scope;
	struct grove_task *parent;   /* who opened it */
	struct grove_list children;  /* tasks */
	struct grove_list link;	     /* in the parent's nurseries, innermost last */
	size_t count;		     /* of children */
	size_t starting;	     /* grove_start() under way into it */
	struct grove_errors *errors; /* what was collected, NULL: nothing */
	bool cancelled;		     /* a child or the body ended by a cancel, not by itself */
	bool waiting;		     /* the parent is parked in grove_nursery_exit() */
	bool closed;		     /* no child comes any more */
	char name[GROVE_NAME_SIZE];
};

/* Open a nursery, and with it a cancel scope of the same name (NULL: ""). */
void grove_nursery_open(struct grove_nursery *nursery, const char *name);

/*
 * Wait for all children, then leave. `rc` and `err` are the outcome of the body (0: fine): a
 * failure cancels the children. Gives 0 when nobody failed or a cancel of nursery->scope was all
 * that happened (scope.caught is then set); -ECANCELED when a cancel from outside ended it; else
 * the code of the first error, with the tree of all of them in `err`, body first.
 * A task that gives -ECANCELED without having seen a cancel counts as failed with -EPROTO.
 * The wait itself cannot be cut short: a cancel reaches the children, which have to end.
 */
int grove_nursery_exit(struct grove_nursery *nursery, int rc, struct grove_error *err);

/* grove_scope_cancel() on its scope, by the running task. */
void grove_nursery_cancel(struct grove_nursery *nursery, const char *text);

/*
 * A new task that runs fn(arg). It starts at the next turn of the loop. The task is borrowed and
 * valid until it ends; most callers ignore it. Spawning into a closed nursery is a bug and ends
 * the program.
 */
struct grove_task *grove_spawn(struct grove_nursery *nursery, const char *name, grove_task_fn *fn,
			       void *arg) __attribute__((returns_nonnull));

struct grove_start {
	const char *name;
	grove_task_fn *fn;
	void *arg;
	void *value; /* out: what the task gave to grove_started() */
};

/*
 * Spawn into `nursery` and wait until the task says that it is ready (trio's nursery.start).
 * Before that the task counts as the caller's: its failure, or a cancel of the caller, is the
 * result of this call. -EPROTO when it returned 0 without having called grove_started().
 */
GROVE_MUST_CHECK
int grove_start(struct grove_nursery *nursery, struct grove_start *start, struct grove_error *err);

/*
 * Called by a task made by grove_start(): I am ready, here is my value. Once. -EPROTO when the
 * task was not made that way (grove_spawn(): the value is ignored, and 0 is given), or was called
 * twice.
 */
int grove_started(void *value);
