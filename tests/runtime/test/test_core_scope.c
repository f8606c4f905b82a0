/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_scope.c - cancel scopes: who is cancelled, until when, and who catches it.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/test/help_core.h"

TestSuite(core_scope, .init = help_begin, .fini = help_end);

static int deadline(void *arg, struct grove_error *err)
{
	struct grove_scope scope;

	(void)arg;
	grove_move_on_after(&scope, 20 * GROVE_MS);
	int64_t begin = grove_now_ns();
	int rc = grove_sleep_forever();

	cr_assert_eq(rc, -ECANCELED);
	cr_assert_geq(grove_now_ns() - begin, 20 * GROVE_MS);
	/* It stays cancelled until the scope is left. */
	cr_assert_eq(grove_check(), -ECANCELED);
	cr_assert_eq(grove_sleep(GROVE_SECOND), -ECANCELED);
	rc = grove_scope_exit(&scope, rc, err);
	cr_assert_eq(rc, 0);
	cr_assert(scope.caught);
	cr_assert_eq(scope.reason.by, GROVE_CANCEL_DEADLINE);
	cr_assert_eq(grove_check(), 0);

	grove_move_on_after(&scope, GROVE_SECOND);
	rc = grove_scope_exit(&scope, grove_sleep(GROVE_MS), err);
	cr_assert_eq(rc, 0);
	cr_assert_not(scope.caught);

	grove_move_on_after(&scope, 0);
	rc = grove_checkpoint();
	cr_assert_eq(rc, -ECANCELED);
	cr_assert_eq(grove_scope_exit(&scope, rc, err), 0);

	grove_fail_after(&scope, GROVE_MS);
	rc = grove_scope_exit(&scope, grove_sleep_forever(), err);
	cr_assert_eq(rc, -ETIMEDOUT);
	cr_assert(strstr(err->text, "too slow"));
	return 0;
}

Test(core_scope, deadlines)
{
	cr_assert_eq(core_run(deadline, NULL), 0);
}

static int swallowed(void *arg, struct grove_error *err)
{
	struct grove_scope scope;

	(void)arg;
	grove_scope_enter(&scope, "s", GROVE_NEVER);
	grove_scope_cancel(&scope, GROVE_CANCEL_CALL, "me", "why not");
	grove_scope_cancel(&scope, GROVE_CANCEL_REMOTE, "other", "later ones do not count");
	cr_assert_eq(grove_check(), -ECANCELED);
	cr_assert_str_eq(grove_cancel_reason()->text, "why not");
	/* The body finished all the same: nothing was caught. */
	cr_assert_eq(grove_scope_exit(&scope, 0, err), 0);
	cr_assert(scope.cancel_called && !scope.caught);
	cr_assert_null(grove_cancel_reason());

	/* Another error wins. */
	grove_scope_enter(&scope, "s", GROVE_NEVER);
	grove_scope_cancel(&scope, GROVE_CANCEL_CALL, "", "");
	cr_assert_eq(grove_scope_exit(&scope, -EIO, err), -EIO);
	return 0;
}

Test(core_scope, swallowed_and_overtaken)
{
	cr_assert_eq(core_run(swallowed, NULL), 0);
}

static int nested(void *arg, struct grove_error *err)
{
	struct grove_scope outer, inner;

	(void)arg;
	/* The outer one is the cause: the inner one lets it pass. */
	grove_scope_enter(&outer, "outer", GROVE_NEVER);
	grove_scope_enter(&inner, "inner", GROVE_NEVER);
	grove_scope_cancel(&outer, GROVE_CANCEL_CALL, "", "");
	int rc = grove_scope_exit(&inner, grove_sleep_forever(), err);

	cr_assert_eq(rc, -ECANCELED);
	cr_assert_not(inner.caught);
	cr_assert_eq(grove_scope_exit(&outer, rc, err), 0);
	cr_assert(outer.caught);

	/* Both: the outer one catches it. */
	grove_scope_enter(&outer, "outer", GROVE_NEVER);
	grove_scope_enter(&inner, "inner", GROVE_NEVER);
	grove_scope_cancel(&inner, GROVE_CANCEL_CALL, "", "");
	grove_scope_cancel(&outer, GROVE_CANCEL_CALL, "", "");
	rc = grove_scope_exit(&inner, grove_check(), err);
	cr_assert_eq(rc, -ECANCELED);
	cr_assert_eq(grove_scope_exit(&outer, rc, err), 0);

	/* The inner one alone: the outer one is not touched. */
	grove_scope_enter(&outer, "outer", GROVE_NEVER);
	grove_scope_enter(&inner, "inner", GROVE_NEVER);
	grove_scope_cancel(&inner, GROVE_CANCEL_CALL, "", "");
	cr_assert_eq(grove_scope_exit(&inner, grove_check(), err), 0);
	cr_assert_eq(grove_checkpoint(), 0);
	cr_assert_eq(grove_scope_exit(&outer, 0, err), 0);
	return 0;
}

Test(core_scope, nested)
{
	cr_assert_eq(core_run(nested, NULL), 0);
}

static int shields(void *arg, struct grove_error *err)
{
	struct grove_scope outer, inner;

	(void)arg;
	grove_scope_enter(&outer, "outer", GROVE_NEVER);
	grove_scope_cancel(&outer, GROVE_CANCEL_CALL, "", "");
	grove_scope_enter_shielded(&inner, "inner", GROVE_NEVER);
	cr_assert_eq(grove_checkpoint(), 0);
	cr_assert_eq(grove_sleep(GROVE_MS), 0);
	cr_assert_not(grove_scope_cancelled(&inner));
	grove_scope_set_shield(&inner, false);
	cr_assert_eq(grove_check(), -ECANCELED);
	grove_scope_set_shield(&inner, true);
	cr_assert_eq(grove_check(), 0);
	/* A deadline of its own goes through the shield. */
	grove_scope_set_deadline(&inner, grove_deadline_after(GROVE_MS));
	int rc = grove_scope_exit(&inner, grove_sleep_forever(), err);

	cr_assert_eq(rc, 0);
	cr_assert(inner.caught);
	cr_assert_eq(grove_check(), -ECANCELED);
	return grove_scope_exit(&outer, grove_check(), err);
}

Test(core_scope, shields)
{
	cr_assert_eq(core_run(shields, NULL), 0);
}

/* ---- a shield taken away from a parked task ----------------------------------------------------
 */

struct shielded {
	struct grove_scope scope;
	struct grove_event inside;
	int rc;
};

static int sleep_shielded(void *arg, struct grove_error *err)
{
	struct shielded *s = arg;

	grove_scope_enter_shielded(&s->scope, "shield", GROVE_NEVER);
	grove_event_set(&s->inside);
	s->rc = grove_sleep_forever();
	return grove_scope_exit(&s->scope, s->rc, err);
}

static int unshield(void *arg, struct grove_error *err)
{
	struct shielded *s = arg;
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "sleeper", sleep_shielded, s);
	cr_assert_eq(grove_event_wait(&s->inside), 0);
	grove_nursery_cancel(&nursery, "now");
	struct grove_scope wait;

	grove_scope_enter_shielded(&wait, "wait", GROVE_NEVER);
	cr_assert_eq(grove_sleep(5 * GROVE_MS), 0);
	cr_assert_eq(nursery.count, 1);
	grove_scope_set_shield(&s->scope, false);
	cr_assert_eq(grove_sleep(5 * GROVE_MS), 0);
	cr_assert_eq(nursery.count, 0);
	cr_assert_eq(grove_scope_exit(&wait, 0, err), 0);
	return grove_nursery_exit(&nursery, 0, err);
}

Test(core_scope, shield_taken_from_a_parked_task)
{
	struct shielded s = { .rc = 1 };

	grove_event_init(&s.inside, "inside");
	cr_assert_eq(core_run(unshield, &s), 0);
	cr_assert_eq(s.rc, -ECANCELED);
}

/* ---- timers ------------------------------------------------------------------------------------
 */

struct order {
	int64_t deadline_ns;
	int seen[8];
	int count;
	bool late; /* somebody came after that moment, and so did not wait for it */
};

static int sleep_and_count(void *arg, struct grove_error *err)
{
	struct order *order = arg;
	int number = grove_task_name(grove_current())[0] - '0';

	(void)err;
	order->late |= grove_now_ns() >= order->deadline_ns;
	int rc = grove_sleep_until(order->deadline_ns);

	order->seen[order->count++] = number;
	return rc;
}

static int same_deadline(void *arg, struct grove_error *err)
{
	static const char *const names[] = { "0", "1", "2", "3", "4", "5", "6", "7" };
	struct order *order = arg;
	struct grove_nursery nursery;
	int rc = 0;

	/* again with more time, on a machine that is so slow that some come too late */
	for (int64_t ahead = 10 * GROVE_MS; rc == 0 && ahead < HELP_LONG; ahead *= 2) {
		*order = (struct order){ .deadline_ns = grove_deadline_after(ahead) };
		grove_nursery_open(&nursery, "n");
		for (int i = 0; i < 8; i++)
			grove_spawn(&nursery, names[i], sleep_and_count, order);
		rc = grove_nursery_exit(&nursery, 0, err);
		if (!order->late)
			break;
	}
	return rc;
}

Test(core_scope, timers_of_one_moment_keep_their_order)
{
	struct order order = { .count = 0 };

	cr_assert_eq(core_run(same_deadline, &order), 0);
	cr_assert_not(order.late);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(order.seen[i], i);
}

static int heap(void *arg, struct grove_error *err)
{
	enum { COUNT = 500 };
	static struct grove_scope scopes[COUNT];
	unsigned int seed = 7;
	int rc = 0;

	(void)arg;
	for (int i = 0; i < COUNT; i++)
		grove_scope_enter(&scopes[i], "s",
				  grove_deadline_after(GROVE_SECOND + rand_r(&seed) % 1000));
	for (int round = 0; round < 2000; round++) {
		int i = rand_r(&seed) % COUNT;
		int64_t after_ns = rand_r(&seed) % 4 ? GROVE_SECOND + rand_r(&seed) : GROVE_NEVER;

		grove_scope_set_deadline(&scopes[i], grove_deadline_after(after_ns));
	}
	/* The scope in the middle alone comes to its end. */
	grove_scope_set_deadline(&scopes[COUNT / 2], grove_deadline_after(GROVE_MS));
	rc = grove_sleep_forever();
	for (int i = COUNT - 1; i >= 0; i--) {
		rc = grove_scope_exit(&scopes[i], rc, err);
		cr_assert_eq(scopes[i].caught, i == COUNT / 2, "%d", i);
	}
	return rc;
}

Test(core_scope, many_deadlines)
{
	cr_assert_eq(core_run(heap, NULL), 0);
}

/* ---- a cancel that meets a task that was just served -------------------------------------------
 */

struct served {
	struct grove_event event;
	int wait_rc;
	int next_rc;
};

static int be_served(void *arg, struct grove_error *err)
{
	struct served *s = arg;

	(void)err;
	s->wait_rc = grove_event_wait(&s->event);
	s->next_rc = grove_check();
	return s->next_rc;
}

static int serve_and_cancel(void *arg, struct grove_error *err)
{
	struct served *s = arg;
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "served", be_served, s);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_event_set(&s->event);
	grove_nursery_cancel(&nursery, "too late for the wait");
	return grove_nursery_exit(&nursery, 0, err);
}

Test(core_scope, who_was_served_is_not_cancelled_in_that_call)
{
	struct served s = { .wait_rc = 1 };

	grove_event_init(&s.event, "e");
	cr_assert_eq(core_run(serve_and_cancel, &s), 0);
	cr_assert_eq(s.wait_rc, 0);
	cr_assert_eq(s.next_rc, -ECANCELED);
}
