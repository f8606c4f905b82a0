/* SPDX-License-Identifier: BSD-2-Clause */
/* test_res_tty.c - the terminal of a tree: one at a time, in order, and never lost. */
#include "runtime/test/help_actor.h"

#include <stdio.h>

#include "runtime/core/loop.h"
#include "runtime/res/tty_lock.h"

TestSuite(res_tty, .init = help_begin, .fini = help_end);

/* Get the terminal, say so, keep it until the caller stops sending; `args` true: die with it. */
int help_tty_hold(struct grove_context *context, const struct grove_value *args,
		  struct grove_value *ret, struct grove_error *err)
{
	_grove_tty_ struct grove_tty tty = { .held = false };
	_grove_value_ struct grove_value item = grove_nil();
	int rc = grove_tty_acquire(&tty, err);

	(void)ret;
	if (rc == 0)
		rc = grove_context_started(context, grove_int(getpid()), err);
	if (rc == 0)
		rc = grove_context_recv(context, &item, err);
	if (rc == 0 && grove_value_bool(args, false))
		_exit(0);
	return rc == -EPIPE ? 0 : rc;
}

/* Get it twice in one task: gives the code of the second time. */
int help_tty_twice(struct grove_context *context, const struct grove_value *args,
		   struct grove_value *ret, struct grove_error *err)
{
	_grove_tty_ struct grove_tty tty = { .held = false };
	_grove_tty_ struct grove_tty again = { .held = false };
	_grove_error_ struct grove_error why = GROVE_ERROR_INIT;
	int rc = grove_tty_acquire(&tty, err);

	(void)context;
	(void)args;
	if (rc < 0)
		return rc;
	*ret = grove_int(grove_tty_acquire(&again, &why));
	return 0;
}

/* ---- in one actor ---------------------------------------------------------------------------- */

struct user {
	struct grove_tty tty;
	struct grove_event go;
	int rc;
	bool asked, has;
};

static int use(void *arg, struct grove_error *unused)
{
	struct user *user = arg;
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;

	(void)unused;
	user->asked = true;
	user->rc = grove_tty_acquire(&user->tty, &err);
	user->has = user->rc == 0;
	if (user->rc == -ECANCELED)
		return user->rc;
	int rc = grove_event_wait(&user->go);
	grove_tty_release(&user->tty);
	user->has = false;
	return rc;
}

static void settle(void)
{
	for (int i = 0; i < 20; i++)
		grove_yield();
}

static int in_order(void *arg, struct grove_error *err)
{
	struct user users[3] = { { .rc = 0 } };
	struct grove_tty_holder holder;
	struct grove_nursery nursery;
	char text[GROVE_TTY_TEXT];

	(void)arg;
	cr_assert_eq(grove_tty_query(&holder, err), 0);
	cr_assert_not(holder.held);
	cr_assert_str_eq(grove_tty_print(&holder, text), "held by nobody; 0 wait");
	grove_nursery_open(&nursery, "users");
	for (int i = 0; i < 3; i++) {
		char name[8];

		snprintf(name, sizeof(name), "user-%d", i);
		grove_event_init(&users[i].go, name);
		grove_spawn(&nursery, name, use, &users[i]);
		settle();
	}
	for (int i = 0; i < 3; i++) {
		char expect[64];

		cr_assert_eq(grove_tty_query(&holder, err), 0);
		cr_assert(holder.held);
		snprintf(expect, sizeof(expect), "user-%d", i);
		cr_assert_str_eq(holder.task, expect);
		cr_assert_eq(holder.waiting, 2 - i);
		cr_assert_eq(holder.pid, getpid());
		cr_assert(grove_uid_equal(&holder.actor, grove_actor_uid(grove_actor_self())));
		snprintf(expect, sizeof(expect), "held by task 'user-%d' of root.", i);
		grove_tty_print(&holder, text);
		cr_assert(strncmp(text, expect, strlen(expect)) == 0, "%s", text);
		for (int k = 0; k < 3; k++)
			cr_assert_eq(users[k].has, k == i, "%d, %d", i, k);
		grove_event_set(&users[i].go);
		settle();
	}
	cr_assert_eq(grove_tty_query(&holder, err), 0);
	cr_assert_not(holder.held);
	return grove_nursery_exit(&nursery, 0, err);
}
Test(res_tty, one_task_at_a_time_in_the_order_of_asking)
{
	help_on_all((struct help_case){
		.name = "tty.in_order", .body = in_order, .one_transport = true });
}

static int cancelled_waiter(void *arg, struct grove_error *err)
{
	struct user users[2] = { { .rc = 0 } };
	struct grove_nursery first, second;
	struct grove_tty_holder holder;
	struct grove_tty own = { .held = false };

	(void)arg;
	grove_event_init(&users[0].go, "go");
	grove_event_init(&users[1].go, "go");
	grove_nursery_open(&first, "first");
	grove_spawn(&first, "first", use, &users[0]);
	settle();
	grove_nursery_open(&second, "second");
	grove_spawn(&second, "second", use, &users[1]);
	settle();
	cr_assert(users[1].asked);
	grove_nursery_cancel(&second, "enough");
	cr_assert_eq(grove_nursery_exit(&second, 0, err), 0);
	cr_assert_eq(users[1].rc, -ECANCELED);
	cr_assert_eq(grove_tty_query(&holder, err), 0);
	cr_assert_eq(holder.waiting, 0);
	/* and a holder that is cancelled gives it back */
	grove_nursery_cancel(&first, "enough");
	cr_assert_eq(grove_nursery_exit(&first, 0, err), 0);
	cr_assert_eq(grove_tty_acquire(&own, err), 0);
	cr_assert_eq(grove_tty_acquire(&own, err), -EDEADLK);
	grove_error_clear(err);
	grove_tty_release(&own);
	grove_tty_release(&own);
	return 0;
}
Test(res_tty, a_cancelled_waiter_leaves_the_queue)
{
	help_on_all((struct help_case){
		.name = "tty.cancelled_waiter", .body = cancelled_waiter, .one_transport = true });
}

/* ---- among actors ---------------------------------------------------------------------------- */

static void expect_holder(const struct grove_uid *uid, int64_t waiting)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_tty_holder holder = { .held = false };
	int64_t end_ns = grove_now_ns() + HELP_LONG;

	/* what the other actors have asked is on its way */
	do {
		cr_assert_eq(grove_tty_query(&holder, &err), 0, "%s", err.text);
		if (holder.held == (uid != NULL) && holder.waiting == waiting)
			break;
		cr_assert_eq(grove_sleep(GROVE_MS), 0);
	} while (grove_now_ns() < end_ns);
	cr_assert_eq(holder.waiting, waiting);
	cr_assert_eq(holder.held, uid != NULL);
	if (uid) {
		cr_assert(grove_uid_equal(&holder.actor, uid), "%s has it", holder.actor.name);
		cr_assert_str_eq(holder.task, "tty.hold");
	}
}

struct opening {
	struct grove_portal *portal;
	struct grove_context *context;
};

static int open_hold(void *arg, struct grove_error *err)
{
	struct opening *opening = arg;

	return grove_portal_open(opening->portal, "tty.hold", grove_nil(), &opening->context, err);
}

static int among_actors(void *arg, struct grove_error *err)
{
	struct opening a = { .portal = NULL }, b = { .portal = NULL };
	_grove_value_ struct grove_value code = grove_nil();
	struct grove_nursery nursery;
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	a.portal = help_start(&actors, "a");
	b.portal = help_start(&actors, "b");
	cr_assert_eq(open_hold(&a, err), 0, "%s", err->text);
	expect_holder(grove_portal_uid(a.portal), 0);
	grove_nursery_open(&nursery, "waits");
	grove_spawn(&nursery, "b", open_hold, &b);
	expect_holder(grove_portal_uid(a.portal), 1);
	cr_assert_null(b.context);
	grove_context_stop(a.context);
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0, "%s", err->text);
	expect_holder(grove_portal_uid(b.portal), 0);
	cr_assert_eq(grove_context_close(a.context, 0, NULL, err), 0, "%s", err->text);
	/* a function that is cancelled gives it back */
	grove_context_cancel(b.context, "enough");
	cr_assert_eq(grove_context_result(b.context, NULL, err), -EREMOTEIO);
	grove_error_clear(err);
	expect_holder(NULL, 0);
	cr_assert_eq(grove_context_close(b.context, -ECANCELED, NULL, err), -ECANCELED);
	grove_error_clear(err);
	cr_assert_eq(grove_portal_run(a.portal, "tty.twice", grove_nil(), &code, err), 0);
	cr_assert_eq(code.i, -EDEADLK);
	expect_holder(NULL, 0);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}
Test(res_tty, among_actors)
{
	help_on_all((struct help_case){ .name = "tty.among_actors", .body = among_actors });
}

/* An actor dies with the terminal in its hands; `arg` of the run: with the defect or without. */
static int dies_with_it(void *arg, struct grove_error *err)
{
	struct opening a = { .portal = NULL }, b = { .portal = NULL };
	struct grove_nursery nursery;
	struct grove_actors actors;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	a.portal = help_start(&actors, "a");
	b.portal = help_start(&actors, "b");
	rc = grove_portal_open(a.portal, "tty.hold", grove_bool(true), &a.context, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	grove_nursery_open(&nursery, "waits");
	grove_spawn(&nursery, "b", open_hold, &b);
	expect_holder(grove_portal_uid(a.portal), 1);
	cr_assert_eq(grove_context_send(a.context, grove_nil(), err), 0);
	cr_assert_eq(grove_context_close(a.context, 0, NULL, err), -ENOTCONN);
	grove_error_clear(err);
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0, "%s", err->text);
	expect_holder(grove_portal_uid(b.portal), 0);
	grove_context_stop(b.context);
	cr_assert_eq(grove_context_close(b.context, 0, NULL, err), 0);
	expect_holder(NULL, 0);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

static const struct help_skip no_death[] = {
	{ "subint_legacy", "an actor on a thread cannot end its process alone" },
	{ "subint_isolated", "an actor on a thread cannot end its process alone" },
	{ NULL, NULL },
};

Test(res_tty, who_dies_with_it_loses_it)
{
	help_on_all((struct help_case){
		.name = "tty.dies_with_it", .body = dies_with_it, .skip = no_death });
}

static int kept_by_the_dead(void *arg, struct grove_error *err)
{
	struct opening a = { .portal = NULL };
	struct grove_tty own = { .held = false };
	struct grove_scope scope;
	struct grove_actors actors;
	struct grove_uid uid;
	int rc;

	(void)arg;
	grove_tty_defects()->keep_when_gone = true;
	grove_actors_open(&actors, "actors");
	a.portal = help_start(&actors, "a");
	uid = *grove_portal_uid(a.portal);
	rc = grove_portal_open(a.portal, "tty.hold", grove_bool(true), &a.context, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	cr_assert_eq(grove_context_send(a.context, grove_nil(), err), 0);
	cr_assert_eq(grove_context_close(a.context, 0, NULL, err), -ENOTCONN);
	grove_error_clear(err);
	grove_actors_cancel(&actors, "done");
	cr_assert_eq(grove_actors_exit(&actors, 0, err), 0);
	/* It is gone and reaped, and still has the terminal. */
	expect_holder(&uid, 0);
	grove_move_on_after(&scope, 20 * GROVE_MS);
	rc = grove_tty_acquire(&own, err);
	cr_assert_eq(grove_scope_exit(&scope, rc, err), 0);
	cr_assert(scope.caught);
	cr_assert_not(own.held);
	cr_assert_eq(grove_tty_revoke("its owner is dead"), 0);
	cr_assert_eq(grove_tty_acquire(&own, err), 0);
	grove_tty_release(&own);
	return 0;
}
Test(res_tty, the_defect_keeps_it_for_the_dead)
{
	help_on_all((struct help_case){
		.name = "tty.kept_by_the_dead", .body = kept_by_the_dead, .skip = no_death });
}
