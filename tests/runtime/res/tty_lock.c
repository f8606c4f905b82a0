/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/res/tty_lock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/actor.h"
#include "runtime/actor/registrar.h"
#include "runtime/core/event.h"
#include "runtime/core/lock.h"
#include "runtime/core/loop.h"
#include "runtime/core/truth.h"

/*
 * The terminal as its registrar knows it. An actor has a thread of its own, and there is one
 * terminal for all that it serves. The lock is held by the task that serves the holder, so that
 * the descriptor shows who has it and who waits.
 */
static _Thread_local struct terminal {
	bool ready;
	const struct grove_loop *loop; /* of the actor; a thread may have one after the other */
	struct grove_lock lock;
	struct grove_tty_holder holder;
	struct grove_scope *grant;   /* around the task that serves the holder, NULL: we hold it */
	struct grove_event returned; /* the holder came back; for the defect only */
	struct grove_tty_defects defects;
} own_terminal;

static struct terminal *terminal(void)
{
	struct terminal *t = &own_terminal;

	if (t->ready && t->loop == grove_loop_current())
		return t;
	*t = (struct terminal){ .ready = true, .loop = grove_loop_current() };
	grove_lock_init(&t->lock, "terminal");
	grove_event_init(&t->returned, "return of the terminal");
	return t;
}

struct grove_tty_defects *grove_tty_defects(void)
{
	return &terminal()->defects;
}

static bool same_task(const struct grove_tty_holder *a, const struct grove_tty_holder *b)
{
	return grove_uid_equal(&a->actor, &b->actor) && a->task_id == b->task_id;
}

/* ---- the registrar's end --------------------------------------------------------------------- */

static void log_holder(const char *event, const struct grove_tty_holder *holder)
{
	char text[GROVE_UID_TEXT];

	grove_truth(event, grove_fact_text("holder", grove_uid_print(&holder->actor, text)),
		    grove_fact_text("holder_task", holder->task),
		    grove_fact_int("holder_pid", holder->pid));
}

/* The running task takes the terminal for `who`. */
static int take(const struct grove_tty_holder *who, struct grove_error *err)
{
	struct terminal *t = terminal();
	int rc;

	if (t->holder.held && same_task(&t->holder, who)) {
		grove_event_pulse(&t->returned);
		return grove_error_set(err, -EDEADLK, "task '%s' has the terminal already",
				       who->task);
	}
	rc = grove_lock_acquire(&t->lock);
	if (rc < 0)
		return grove_error_set(err, rc, "cancelled while waiting for the terminal");
	t->holder = *who;
	t->holder.held = true;
	t->holder.since_ns = grove_now_ns();
	log_holder("tty-granted", &t->holder);
	return 0;
}

static void give_back(void)
{
	struct terminal *t = terminal();

	log_holder("tty-released", &t->holder);
	t->holder = (struct grove_tty_holder){ .held = false };
	grove_lock_release(&t->lock);
}

/* Until the holder says that it is done (it stops sending, 0), or is cancelled or gone. */
static int until_done(struct grove_context *context, struct grove_error *err)
{
	int rc = grove_context_started(context, grove_nil(), err);

	while (rc == 0) {
		_grove_value_ struct grove_value unused = grove_nil();

		rc = grove_context_recv(context, &unused, err);
	}
	return rc == -EPIPE ? 0 : rc;
}

/* Who has the terminal is the one who can come back for it. */
static void expect_return(struct terminal *t)
{
	struct grove_promise promise = { .kind = SNAG_RT_PROMISE_PROCESS, .pid = t->holder.pid };

	grove_copy_name(promise.who, sizeof(promise.who), t->holder.actor.name);
	grove_event_promise(&t->returned, &promise);
}

/* As long as the grant lasts. */
static int hold(struct grove_context *context, struct grove_error *err)
{
	struct terminal *t = terminal();
	struct grove_scope grant;
	bool keep = t->defects.keep_when_gone;
	int rc;

	if (keep)
		grove_scope_enter_shielded(&grant, "terminal", GROVE_NEVER);
	else
		grove_scope_enter(&grant, "terminal", GROVE_NEVER);
	t->grant = &grant;
	expect_return(t);
	rc = until_done(context, err);
	if (keep && rc < 0 && rc != -ECANCELED)
		rc = grove_event_wait(&t->returned);
	t->grant = NULL;
	rc = grove_scope_exit(&grant, rc, err);
	return grant.caught ? grove_error_set(err, -ESTALE, "the terminal was taken away") : rc;
}

int grove_tty_revoke(const char *reason)
{
	struct terminal *t = terminal();

	if (!t->grant)
		return t->holder.held ? -EBUSY : 0;
	grove_scope_cancel(t->grant, GROVE_CANCEL_CALL, grove_task_name(grove_current()), reason);
	return 0;
}

static int read_claim(struct grove_context *context, const struct grove_value *args,
		      struct grove_tty_holder *ret, struct grove_error *err)
{
	const char *task = "";
	int64_t pid = 0;
	int rc = grove_value_need_str(args, "task", &task, err);

	*ret = (struct grove_tty_holder){ .actor = *grove_context_peer(context) };
	if (rc == 0)
		rc = grove_value_need_int(args, "id", &ret->task_id, err);
	if (rc == 0)
		rc = grove_value_need_int(args, "pid", &pid, err);
	ret->pid = (pid_t)pid;
	grove_copy_name(ret->task, sizeof(ret->task), task);
	return rc;
}

int grove_tty_serve(struct grove_context *context, const struct grove_value *args,
		    struct grove_value *ret, struct grove_error *err)
{
	struct grove_tty_holder who;
	int rc = read_claim(context, args, &who, err);

	(void)ret;
	if (rc == 0)
		rc = take(&who, err);
	if (rc < 0)
		return rc;
	rc = hold(context, err);
	give_back();
	return rc;
}

int grove_tty_serve_query(struct grove_context *context, const struct grove_value *args,
			  struct grove_value *ret, struct grove_error *err)
{
	const struct terminal *t = terminal();
	const struct grove_tty_holder *holder = &t->holder;

	(void)context;
	(void)args;
	(void)err;
	*ret = grove_map();
	grove_value_set(ret, "waiting", grove_int((int64_t)t->lock.waiting));
	if (!holder->held)
		return 0;
	grove_value_set(ret, "actor", grove_str(holder->actor.name));
	grove_value_set(ret, "uuid", grove_str(holder->actor.uuid));
	grove_value_set(ret, "task", grove_str(holder->task));
	grove_value_set(ret, "id", grove_int(holder->task_id));
	grove_value_set(ret, "pid", grove_int(holder->pid));
	grove_value_set(ret, "since_ns", grove_int(holder->since_ns));
	return 0;
}

/* ---- those who ask --------------------------------------------------------------------------- */

/* The way to the registrar; *ret stays NULL when that is this actor. */
static int reach(struct grove_portal **ret, struct grove_error *err)
{
	const struct grove_addrs *registrars = grove_registrar_addrs();
	_grove_portal_ struct grove_portal *parent = grove_portal_parent();
	int rc;

	if (registrars->count == 0)
		return 0;
	/* mostly it is the parent, and then there is a connection */
	for (size_t i = 0; parent && i < registrars->count; i++)
		if (grove_addrs_has(grove_portal_addrs(parent), &registrars->at[i])) {
			*ret = grove_steal(parent);
			return 0;
		}
	rc = grove_portal_connect(registrars, NULL, ret, err);
	return rc < 0 && rc != -ECANCELED ?
		       grove_error_set(err, -ENOTCONN, "the registrar does not answer") :
		       rc;
}

/* What the running task claims. */
static struct grove_tty_holder own_claim(void)
{
	const struct grove_task *task = grove_current();
	struct grove_tty_holder claim = { .actor = *grove_actor_uid(grove_actor_self()) };

	claim.pid = getpid();
	claim.task_id = (int64_t)grove_task_id(task);
	grove_copy_name(claim.task, sizeof(claim.task), grove_task_name(task));
	return claim;
}

static int ask(struct grove_tty *tty, const struct grove_tty_holder *claim, struct grove_error *err)
{
	struct grove_value args = grove_map();

	grove_value_set(&args, "task", grove_str(claim->task));
	grove_value_set(&args, "id", grove_int(claim->task_id));
	grove_value_set(&args, "pid", grove_int(claim->pid));
	return grove_portal_open(tty->registrar, "grove.tty", args, &tty->context, err);
}

int grove_tty_acquire(struct grove_tty *tty, struct grove_error *err)
{
	struct grove_tty_holder claim = own_claim();
	int rc;

	if (tty->held)
		return grove_error_set(err, -EDEADLK, "this grant is in use");
	*tty = (struct grove_tty){ .held = false };
	rc = reach(&tty->registrar, err);
	if (rc == 0)
		rc = tty->registrar ? ask(tty, &claim, err) : take(&claim, err);
	if (rc < 0) {
		grove_portal_free(tty->registrar);
		tty->registrar = NULL;
		return rc;
	}
	tty->held = true;
	return 0;
}

void grove_tty_release(struct grove_tty *tty)
{
	struct grove_scope shield;
	int rc;

	if (!tty->held)
		return;
	tty->held = false;
	if (!tty->registrar) {
		give_back();
		return;
	}
	/* also by a task that is cancelled: the next one in the queue is not */
	grove_scope_enter_shielded(&shield, "give the terminal back",
				   grove_deadline_after(grove_actor_grace_ns(grove_actor_self())));
	grove_context_stop(tty->context);
	rc = grove_context_close(grove_steal(tty->context), 0, NULL, NULL);
	(void)grove_scope_exit(&shield, rc, NULL); /* gone: then it is given back as well */
	grove_portal_free(grove_steal(tty->registrar));
}

static int read_holder(const struct grove_value *from, struct grove_tty_holder *ret,
		       struct grove_error *err)
{
	const char *name = grove_value_str(grove_value_find(from, "actor"), NULL);
	int rc;

	*ret = (struct grove_tty_holder){ .held = name != NULL };
	ret->waiting = grove_value_int(grove_value_find(from, "waiting"), 0);
	if (!name)
		return 0;
	rc = grove_uid_set(&ret->actor, name, grove_value_str(grove_value_find(from, "uuid"), ""),
			   err);
	if (rc < 0)
		return grove_error_at(err, -EPROTO, "the holder of the terminal");
	grove_copy_name(ret->task, sizeof(ret->task),
			grove_value_str(grove_value_find(from, "task"), ""));
	ret->task_id = grove_value_int(grove_value_find(from, "id"), 0);
	ret->pid = (pid_t)grove_value_int(grove_value_find(from, "pid"), 0);
	ret->since_ns = grove_value_int(grove_value_find(from, "since_ns"), 0);
	return 0;
}

int grove_tty_query(struct grove_tty_holder *ret, struct grove_error *err)
{
	_grove_portal_ struct grove_portal *registrar = NULL;
	_grove_value_ struct grove_value value = grove_nil();
	int rc = reach(&registrar, err);

	if (rc < 0)
		return rc;
	if (!registrar) {
		*ret = terminal()->holder;
		ret->waiting = (int64_t)terminal()->lock.waiting;
		return 0;
	}
	rc = grove_portal_run(registrar, "grove.tty.query", grove_nil(), &value, err);
	return rc < 0 ? rc : read_holder(&value, ret, err);
}

const char *grove_tty_print(const struct grove_tty_holder *holder, char text[static GROVE_TTY_TEXT])
{
	char uid[GROVE_UID_TEXT];

	if (!holder->held)
		snprintf(text, GROVE_TTY_TEXT, "held by nobody; %lld wait",
			 (long long)holder->waiting);
	else
		snprintf(text, GROVE_TTY_TEXT, "held by task '%s' of %s (process %d); %lld wait",
			 holder->task, grove_uid_print(&holder->actor, uid), (int)holder->pid,
			 (long long)holder->waiting);
	return text;
}
