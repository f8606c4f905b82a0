/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actors.c - nurseries of actors: each one has a task here that starts it, watches it, and ends it.
 */
#include "runtime/actor/actors.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "runtime/actor/kid.h"
#include "runtime/actor/process.h"
#include "runtime/core/tools.h"
#include "runtime/core/truth.h"

#define START_NS (20 * GROVE_SECOND)

struct grove_result {
	struct grove_list link;
	struct grove_actors *actors;
	struct grove_kid *kid;
	struct grove_event done;
	bool failed;
	struct grove_value args;
	struct grove_value value;
	char func[GROVE_NAME_SIZE];
};

/* ---- kids ------------------------------------------------------------------------------------ */

static void free_kid(struct grove_kid *kid)
{
	struct grove_peer *peer = kid->portal.peer;

	grove_list_del(&kid->link);
	grove_list_del(&kid->known);
	if (peer) {
		peer->kid = NULL;
		grove_peer_unref(peer);
	}
	grove_addrs_release(&kid->portal.addrs);
	grove_addrs_release(&kid->binds);
	grove_error_clear(&kid->wait_err);
	grove_error_clear(&kid->refusal);
	free(kid);
}

/* The backend of an actor to be, or why there is none. */
static int choose_backend(struct grove_actor *actor, const char *name,
			  const struct grove_backend **ret, struct grove_error *err)
{
	const struct grove_backend *backend =
		name ? grove_program_backend(actor->program, name, err) : actor->backend;
	const char *reason;

	if (!backend)
		return -EINVAL;
	reason = backend->refuses ? backend->refuses() : NULL;
	if (reason)
		return grove_error_set(err, -ENOTSUP, "spawn backend '%s': %s", backend->name,
				       reason);
	*ret = backend;
	return 0;
}

static int make_kid(struct grove_actors *actors, const struct grove_start_opts *opts,
		    struct grove_kid **ret, struct grove_error *err)
{
	struct grove_actor *actor = actors->actor;
	const struct grove_backend *backend = NULL;
	struct grove_kid *kid;
	struct grove_uid uid;
	int rc = grove_uid_new(&uid, opts->name, err);

	if (rc == 0)
		rc = choose_backend(actor, opts->backend, &backend, err);
	if (rc < 0)
		return rc;
	kid = grove_alloc(1, sizeof(*kid));
	kid->actors = actors;
	kid->actor = actor;
	kid->timeout_ns = opts->timeout_ns > 0 ? opts->timeout_ns : grove_patience(START_NS);
	if (opts->binds)
		grove_addrs_copy(&kid->binds, opts->binds);
	kid->child.backend = backend;
	kid->child.program = actor->program;
	kid->child.pidfd = -1;
	kid->child.boot.uid = uid;
	kid->child.boot.parent_pid = getpid();
	kid->child.boot.parent_tid = (pid_t)syscall(SYS_gettid);
	kid->child.boot.address = actor->listeners.addrs.at[0];
	grove_copy_name(kid->child.boot.backend, sizeof(kid->child.boot.backend), backend->name);
	kid->portal.kid = kid;
	kid->portal.uid = uid;
	grove_uid_print(&uid, kid->name);
	grove_event_init(&kid->changed, kid->name);
	grove_list_add(&actors->kids, &kid->link);
	grove_list_init(&kid->known);
	*ret = kid;
	return 0;
}

struct grove_kid *grove_kid_expected(struct grove_actor *actor, const struct grove_uid *uid)
{
	for (struct grove_list *at = actor->kids.next; at != &actor->kids; at = at->next) {
		struct grove_kid *kid = grove_of(at, struct grove_kid, known);

		if (!kid->portal.peer && grove_uid_equal(&kid->portal.uid, uid))
			return kid;
	}
	return NULL;
}

void grove_kid_on_up(struct grove_kid *kid)
{
	grove_addrs_copy(&kid->portal.addrs, &kid->portal.peer->channel->peer_addrs);
	kid->up = true;
	grove_event_pulse(&kid->changed);
}

void grove_kid_on_gone(struct grove_kid *kid)
{
	grove_event_pulse(&kid->changed);
}

void grove_kid_on_refusal(struct grove_kid *kid, struct grove_errors *errors)
{
	grove_error_set_tree(&kid->refusal, grove_errors_ref(errors));
}

static bool is_connected(const struct grove_kid *kid)
{
	return kid->portal.peer && !kid->portal.peer->gone;
}

/* ---- how it comes up ------------------------------------------------------------------------- */

static int send_spec(struct grove_kid *kid, struct grove_error *err)
{
	struct grove_actor *actor = kid->actor;
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_SPEC };

	msg.uid = kid->portal.uid;
	msg.parent = actor->uid;
	msg.backend = grove_strdup(actor->backend->name);
	grove_addrs_copy(&msg.addrs, &kid->binds);
	grove_addrs_copy(&msg.registrars,
			 actor->registry ? &actor->listeners.addrs : &actor->registrars);
	msg.value = grove_map();
	grove_value_set(&msg.value, "tcp", grove_bool(actor->tcp));
	grove_value_set(&msg.value, "grace_ns", grove_int(actor->grace_ns));
	grove_value_set(&msg.value, "root_pid", grove_int(actor->root_pid));
	grove_value_set(&msg.value, "fault", grove_str(actor->fault));
	grove_value_set(&msg.value, "method", grove_str(kid->child.backend->method));
	if (actor->table)
		grove_value_set(&msg.value, "endpoints", grove_str(actor->table));
	if (actor->dir)
		grove_value_set(&msg.value, "dir", grove_str(actor->dir));
	return grove_channel_send(kid->portal.peer->channel, &msg, err);
}

static int not_up(struct grove_kid *kid, struct grove_error *err)
{
	char text[64];

	if (kid->refusal.code) {
		int rc = kid->refusal.code;

		grove_error_move(err, &kid->refusal);
		return grove_error_at(err, rc == -ECANCELED ? -ECHILD : rc, "actor %s cannot be up",
				      kid->name);
	}
	if (kid->ended)
		return grove_error_set(err, -ECHILD, "actor %s %s before it was up", kid->name,
				       grove_end_text(&kid->child.end, text));
	return grove_error_set(err, -ECHILD, "actor %s has closed its channel before it was up",
			       kid->name);
}

/* Wait until it is connected, tell it what to be, and wait until it is that. */
static int bring_up(struct grove_kid *kid, struct grove_error *err)
{
	struct grove_scope scope;
	int rc = 0;

	grove_fail_after(&scope, kid->timeout_ns);
	while (rc == 0 && !kid->portal.peer && !kid->ended)
		rc = grove_event_wait(&kid->changed);
	if (rc == 0 && kid->portal.peer)
		rc = send_spec(kid, err);
	if (rc == -EPIPE)
		rc = 0; /* it has gone: seen below */
	while (rc == 0 && !kid->up && !kid->ended && is_connected(kid))
		rc = grove_event_wait(&kid->changed);
	rc = grove_scope_exit(&scope, rc, err);
	if (rc == -ETIMEDOUT)
		return grove_error_set(err, rc, "actor %s was not up within %lld ms", kid->name,
				       (long long)(kid->timeout_ns / GROVE_MS));
	return rc == 0 && !kid->up ? not_up(kid, err) : rc;
}

/* ---- how it lives and ends ------------------------------------------------------------------- */

/* The task that waits for the end of the process or thread, whatever is cancelled around it. */
static int watch(void *arg, struct grove_error *unused)
{
	struct grove_kid *kid = arg;
	struct grove_scope shield;
	int rc;

	(void)unused;
	grove_scope_enter_shielded(&shield, "watch", GROVE_NEVER);
	do
		rc = kid->child.backend->wait(&kid->child, &kid->wait_err);
	while (rc == -ECANCELED);
	(void)grove_scope_exit(&shield, 0, NULL);
	kid->wait_rc = rc;
	kid->ended = true;
	grove_event_pulse(&kid->changed);
	return 0;
}

/* It ended, or lost its channel: is that a failure? */
static int judge(struct grove_kid *kid, struct grove_error *err)
{
	const struct grove_end *end = &kid->child.end;
	char text[64];

	if (kid->wanted)
		return 0;
	if (!kid->ended)
		return grove_error_set(err, -ENOTCONN, "actor %s has closed its channel and lives",
				       kid->name);
	if (kid->wait_rc < 0) {
		grove_error_move(err, &kid->wait_err);
		return grove_error_at(err, kid->wait_rc, "actor %s", kid->name);
	}
	if (end->known && end->code == 0 && end->signal == 0)
		return 0;
	return grove_error_set(err, -ECHILD, "actor %s (process %d) %s", kid->name,
			       (int)kid->child.pid, grove_end_text(end, text));
}

/*
 * We are cancelled, and its channel was gone before: mostly because it died, its caller saw that,
 * and failed. Then its death is to be told as well. 0: it ended well, or does not end.
 */
static int was_first(struct grove_kid *kid, struct grove_error *err)
{
	struct grove_scope shield;
	int rc;

	grove_scope_enter_shielded(&shield, "last words", GROVE_NEVER);
	rc = grove_kid_wait_ended(kid, grove_deadline_after(kid->actor->grace_ns));
	(void)grove_scope_exit(&shield, rc, NULL);
	return kid->ended ? judge(kid, err) : 0;
}

/* Until it ends by itself, or somebody wants that, or its channel is lost. */
static int stay(struct grove_kid *kid, struct grove_error *err)
{
	struct grove_scope scope;
	int rc = 0;

	grove_scope_enter(&scope, kid->name, GROVE_NEVER);
	kid->scope = &scope;
	while (rc == 0 && !kid->ended && is_connected(kid))
		rc = grove_event_wait(&kid->changed);
	if (rc == 0 && !kid->ended) {
		/* its channel has ended; so will it, after its own children */
		rc = grove_kid_wait_ended(kid, grove_deadline_after(3 * kid->actor->grace_ns));
		if (rc == -ETIMEDOUT)
			rc = 0;
	}
	kid->scope = NULL;
	rc = grove_scope_exit(&scope, rc, err);
	if (rc == 0 && !scope.caught)
		return judge(kid, err);
	if (rc == -ECANCELED && !kid->wanted && !is_connected(kid) && was_first(kid, err) < 0)
		return err->code;
	if (!kid->why[0])
		snprintf(kid->why, sizeof(kid->why), "%s", kid->actors->nursery.scope.reason.text);
	return rc;
}

/* One that was given up is a failure as well, whatever else went wrong. */
static int tell_abandoned(const struct grove_kid *kid, int rc, struct grove_error *err)
{
	struct grove_error lost = GROVE_ERROR_INIT;
	struct grove_errors *both;

	grove_error_set(&lost, -EBUSY,
			"actor %s (thread %d of process %d) does not end and cannot be killed: it "
			"is abandoned and ends with the process",
			kid->name, (int)kid->child.tid, (int)kid->child.pid);
	if (rc == 0 || rc == -ECANCELED) {
		grove_error_move(err, &lost);
		return -EBUSY;
	}
	both = grove_errors_new(rc, "%s, and it does not end", err->text);
	grove_errors_add(both, grove_errors_from(err));
	grove_errors_add(both, grove_errors_from(&lost));
	grove_error_clear(&lost);
	return grove_error_set_tree(err, both);
}

/* Whatever changes with it is its doing, up to its end. */
static void expect_kid(struct grove_kid *kid)
{
	const struct grove_child *child = &kid->child;
	struct grove_promise promise = { .kind = SNAG_RT_PROMISE_PROCESS, .pid = child->pid };

	if (child->backend->hosted) {
		promise.kind = SNAG_RT_PROMISE_THREAD;
		promise.tid = child->tid;
	}
	grove_copy_name(promise.who, sizeof(promise.who), kid->name);
	grove_event_promise(&kid->changed, &promise);
}

static void log_spawned(const struct grove_kid *kid)
{
	const struct grove_child *child = &kid->child;

	grove_truth("spawned", grove_fact_text("child", kid->name),
		    grove_fact_text("backend", child->backend->name),
		    grove_fact_text("method", child->backend->method),
		    grove_fact_int("child_pid", child->pid),
		    grove_fact_int("child_tid", child->tid),
		    grove_fact_int("forked_by", child->forked_by));
}

static void finish(struct grove_kid *kid)
{
	struct grove_child *child = &kid->child;

	grove_truth(kid->abandoned ? "child-abandoned" : "child-exit",
		    grove_fact_text("child", kid->name), grove_fact_int("child_pid", child->pid),
		    grove_fact_int("code", child->end.code),
		    grove_fact_int("signal", child->end.signal),
		    grove_fact_int("wanted", kid->wanted));
	/* one that was killed could not do it */
	grove_listen_unlink(&kid->portal.addrs);
	child->backend->release(child);
	grove_list_del(&kid->known);
	kid->actors->count--;
}

/* Each is ended by itself; with the defect it waits for its turn, however many there are. */
static void end_kid(struct grove_kid *kid)
{
	struct grove_lock *reaping = &kid->actor->reaping;
	struct grove_scope shield;

	if (!kid->actor->defects.reap_in_turn) {
		grove_ladder(kid);
		return;
	}
	grove_scope_enter_shielded(&shield, "reaping", GROVE_NEVER);
	if (grove_lock_acquire(reaping) < 0)
		grove_bug("a shielded wait was cancelled");
	grove_ladder(kid);
	grove_lock_release(reaping);
	(void)grove_scope_exit(&shield, 0, NULL);
}

/* The task of one actor, from its start to its end. */
static int supervise(void *arg, struct grove_error *err)
{
	struct grove_kid *kid = arg;
	struct grove_nursery inner;
	int rc;

	/* before the spawn: it may connect while we are still in it */
	grove_list_add(&kid->actor->kids, &kid->known);
	rc = kid->child.backend->spawn(&kid->child, err);
	if (rc < 0) {
		grove_list_del(&kid->known);
		return rc == -ECANCELED ? rc : grove_error_at(err, rc, "actor %s", kid->name);
	}
	kid->actors->count++;
	expect_kid(kid);
	log_spawned(kid);
	grove_nursery_open(&inner, kid->name);
	grove_spawn(&inner, "watch", watch, kid);
	rc = bring_up(kid, err);
	if (rc == 0)
		rc = grove_started(&kid->portal);
	if (rc == 0)
		rc = stay(kid, err);
	kid->wanted = true;
	end_kid(kid);
	(void)grove_nursery_exit(&inner, 0, NULL); /* the watch never fails */
	finish(kid);
	return kid->abandoned ? tell_abandoned(kid, rc, err) : rc;
}

/* ---- the nursery ----------------------------------------------------------------------------- */

void grove_actors_open(struct grove_actors *actors, const char *name)
{
	*actors = (struct grove_actors){ .actor = grove_actor_self() };
	if (!actors->actor)
		grove_bug("a nursery of actors outside of an actor");
	grove_list_init(&actors->kids);
	grove_list_init(&actors->results);
	grove_nursery_open(&actors->nursery, name);
}

int grove_actors_exit(struct grove_actors *actors, int rc, struct grove_error *err)
{
	rc = grove_nursery_exit(&actors->nursery, rc, err);
	while (!grove_list_empty(&actors->results)) {
		struct grove_result *result =
			grove_of(actors->results.next, struct grove_result, link);

		grove_list_del(&result->link);
		grove_value_release(&result->args);
		grove_value_release(&result->value);
		free(result);
	}
	while (!grove_list_empty(&actors->kids))
		free_kid(grove_of(actors->kids.next, struct grove_kid, link));
	return rc;
}

void grove_actors_cancel(struct grove_actors *actors, const char *reason)
{
	grove_nursery_cancel(&actors->nursery, reason);
}

static int start_kid(struct grove_actors *actors, const struct grove_start_opts *opts,
		     struct grove_kid **ret, struct grove_error *err)
{
	struct grove_kid *kid;
	int rc = make_kid(actors, opts, &kid, err);

	if (rc < 0)
		return rc;
	struct grove_start start = { .name = kid->name, .fn = supervise, .arg = kid };
	rc = grove_start(&actors->nursery, &start, err);
	if (rc < 0) {
		free_kid(kid);
		return rc;
	}
	*ret = kid;
	return 0;
}

int grove_actors_start(struct grove_actors *actors, const struct grove_start_opts *opts,
		       struct grove_portal **portal, struct grove_error *err)
{
	struct grove_kid *kid;
	int rc = start_kid(actors, opts, &kid, err);

	if (rc == 0)
		*portal = &kid->portal;
	return rc;
}

int grove_actors_end(struct grove_actors *actors, struct grove_portal *portal, const char *reason)
{
	struct grove_kid *kid = portal->kid;
	struct grove_task *self = grove_current();
	int rc = grove_check();

	if (!kid || kid->actors != actors)
		return -EINVAL;
	kid->wanted = true;
	if (!kid->why[0])
		grove_copy_name(kid->why, sizeof(kid->why), reason);
	if (kid->scope)
		grove_scope_cancel(kid->scope, GROVE_CANCEL_CALL, self ? grove_task_name(self) : "",
				   reason);
	while (rc == 0 && !kid->ended)
		rc = grove_event_wait(&kid->changed);
	return rc == 0 && kid->abandoned ? -EBUSY : rc;
}

pid_t grove_actors_pid(const struct grove_actors *actors, const struct grove_portal *portal)
{
	return portal->kid && portal->kid->actors == actors ? portal->kid->child.pid : 0;
}

pid_t grove_actors_tid(const struct grove_actors *actors, const struct grove_portal *portal)
{
	return portal->kid && portal->kid->actors == actors ? portal->kid->child.tid : 0;
}

/* ---- one function in an actor of its own ----------------------------------------------------- */

static int run_task(void *arg, struct grove_error *err)
{
	struct grove_result *result = arg;
	struct grove_kid *kid = result->kid;
	int rc;

	grove_event_promise_own(&result->done);
	rc = grove_portal_run(&kid->portal, result->func, grove_value_move(&result->args),
			      &result->value, err);

	result->failed = rc < 0;
	grove_event_set(&result->done);
	if (rc < 0)
		return rc;
	return grove_actors_end(result->actors, &kid->portal, "its function is done");
}

int grove_actors_run(struct grove_actors *actors, const struct grove_start_opts *opts,
		     struct grove_result **ret, struct grove_error *err)
{
	_grove_value_ struct grove_value args = opts->args;
	struct grove_result *result;
	struct grove_kid *kid;
	int rc = start_kid(actors, opts, &kid, err);

	if (rc < 0)
		return rc;
	result = grove_alloc(1, sizeof(*result));
	result->actors = actors;
	result->kid = kid;
	result->args = grove_value_move(&args);
	grove_copy_name(result->func, sizeof(result->func), opts->func);
	grove_event_init(&result->done, opts->func);
	grove_list_add(&actors->results, &result->link);
	grove_spawn(&actors->nursery, opts->func, run_task, result);
	if (ret)
		*ret = result;
	return 0;
}

int grove_result_wait(struct grove_result *result, const struct grove_value **value)
{
	int rc = grove_event_wait(&result->done);

	if (rc < 0)
		return rc;
	if (result->failed)
		return -EPIPE;
	*value = &result->value;
	return 0;
}
