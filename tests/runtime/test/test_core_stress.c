/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_stress.c - many tasks, deep nurseries, cancels at random moments.
 *
 * What must hold at the end of each: every task that began has ended, and nobody waits.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <valgrind/valgrind.h>

#include "runtime/core/errors.h"
#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/lock.h"
#include "runtime/core/loop.h"
#include "runtime/core/memchan.h"
#include "runtime/test/help_core.h"

TestSuite(core_stress, .init = help_begin, .fini = help_end);

/* valgrind looks through all registered stacks at each switch. */
static int scaled(int n)
{
	return RUNNING_ON_VALGRIND ? n / 50 : n;
}

/* ---- ten thousand ------------------------------------------------------------------------------
 */

struct crowd {
	struct grove_event go;
	int begun, ended;
};

static int wait_for_go(void *arg, struct grove_error *err)
{
	struct crowd *crowd = arg;

	(void)err;
	crowd->begun++;
	int rc = grove_event_wait(&crowd->go);

	crowd->ended++;
	return rc;
}

static int ten_thousand(void *arg, struct grove_error *err)
{
	struct crowd crowd = { .begun = 0 };
	int count = scaled(10000);

	(void)arg;
	for (int round = 0; round < 2; round++) {
		struct grove_nursery nursery;

		crowd.begun = 0;
		crowd.ended = 0;
		grove_event_init(&crowd.go, "go");
		grove_nursery_open(&nursery, "crowd");
		for (int i = 0; i < count; i++)
			grove_spawn(&nursery, "one", wait_for_go, &crowd);
		cr_assert_eq(grove_checkpoint(), 0);
		cr_assert_eq(crowd.begun, count);
		cr_assert_eq(crowd.ended, 0);
		if (round == 0)
			grove_event_set(&crowd.go);
		else
			grove_nursery_cancel(&nursery, "enough");
		cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
		cr_assert_eq(crowd.ended, count);
		cr_assert_eq(crowd.go.waiting, 0);
	}
	return 0;
}

Test(core_stress, ten_thousand_tasks)
{
	cr_assert_eq(core_run(ten_thousand, NULL), 0);
}

/* ---- deep --------------------------------------------------------------------------------------
 */

struct deep {
	int left;
	int ended;
};

static int go_deeper(void *arg, struct grove_error *err)
{
	struct deep *deep = arg;
	struct grove_nursery nursery;
	int rc = 0;

	if (deep->left == 0)
		return grove_error_set(err, -ENOTUNIQ, "the deepest");
	deep->left--;
	grove_nursery_open(&nursery, "deeper");
	grove_spawn(&nursery, "d", go_deeper, arg);
	rc = grove_nursery_exit(&nursery, 0, err);
	deep->ended++;
	return rc;
}

Test(core_stress, five_hundred_nurseries_deep)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct deep deep = { .left = 500 };

	cr_assert_eq(grove_run(go_deeper, &deep, NULL, &err), -ENOTUNIQ);
	cr_assert_eq(deep.ended, 500);
	cr_assert_eq(grove_errors_leaves(err.tree), 1);
	core_clean();
}

/* ---- at random ---------------------------------------------------------------------------------
 */

struct chaos {
	unsigned int seed;
	int begun, ended;
	struct grove_lock lock;
	struct grove_event event;
	struct grove_chan *tx, *rx;
	int pair[2];
	int inside;
};

static int chance(struct chaos *chaos, int of)
{
	return rand_r(&chaos->seed) % of;
}

static int use_lock(struct chaos *chaos)
{
	int rc = grove_lock_acquire(&chaos->lock);

	if (rc < 0)
		return rc;
	cr_assert_eq(++chaos->inside, 1);
	rc = chance(chaos, 2) ? grove_checkpoint() : grove_sleep(chance(chaos, 300000));
	chaos->inside--;
	grove_lock_release(&chaos->lock);
	return rc;
}

static int wait_for_byte(struct chaos *chaos)
{
	char byte;
	ssize_t rc = grove_read(chaos->pair[0], &byte, 1);

	return rc < 0 && rc != -EBUSY ? (int)rc : 0;
}

static int do_something(struct chaos *chaos)
{
	void *item;
	int rc;

	switch (chance(chaos, 8)) {
	case 0:
		return grove_checkpoint();
	case 1:
		return grove_sleep(chance(chaos, 1000000));
	case 2:
		return use_lock(chaos);
	case 3:
		return grove_event_wait(&chaos->event);
	case 4:
		return grove_chan_send(chaos->tx, chaos);
	case 5:
		rc = grove_chan_recv(chaos->rx, &item);
		cr_assert(rc < 0 || item == chaos);
		return rc;
	case 6:
		return wait_for_byte(chaos);
	default:
		grove_event_pulse(&chaos->event);
		cr_assert_geq(write(chaos->pair[1], "x", 1), -1);
		return 0;
	}
}

static int live(void *arg, struct grove_error *err);

static int some_children(struct chaos *chaos, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "children");
	for (int i = chance(chaos, 4); i > 0 && chaos->begun < scaled(4000) + 100; i--)
		grove_spawn(&nursery, "child", live, chaos);
	int rc = do_something(chaos);

	if (chance(chaos, 4) == 0)
		grove_nursery_cancel(&nursery, "at random");
	rc = grove_nursery_exit(&nursery, rc, err);
	/* An error of a grandchild is taken care of here. */
	if (rc == -EXFULL) {
		grove_error_clear(err);
		rc = 0;
	}
	return rc;
}

/* Something below a scope with a deadline, with a shield now and then. */
static int live(void *arg, struct grove_error *err)
{
	struct chaos *chaos = arg;
	struct grove_scope scope;
	int rc = 0;

	chaos->begun++;
	for (int i = chance(chaos, 5); i >= 0 && rc == 0; i--) {
		int64_t deadline_ns = grove_deadline_after(chance(chaos, 2000000));

		if (chance(chaos, 10) == 0)
			grove_scope_enter_shielded(&scope, "shield", deadline_ns);
		else
			grove_scope_enter(&scope, "scope", deadline_ns);
		rc = chance(chaos, 3) ? do_something(chaos) : some_children(chaos, err);
		rc = grove_scope_exit(&scope, rc, err);
	}
	chaos->ended++;
	if (rc == 0 && chance(chaos, 30) == 0)
		rc = grove_error_set(err, -EXFULL, "at random");
	return rc;
}

static int chaos_main(void *arg, struct grove_error *err)
{
	struct chaos *chaos = arg;
	int rc = 0;

	grove_lock_init(&chaos->lock, "lock");
	grove_event_init(&chaos->event, "event");
	grove_chan_open("chan", 3, &chaos->tx, &chaos->rx);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, chaos->pair), 0);
	for (int i = 0; i < 20; i++) {
		struct grove_nursery nursery;

		grove_nursery_open(&nursery, "round");
		for (int k = 0; k < 10; k++)
			grove_spawn(&nursery, "task", live, chaos);
		rc = grove_nursery_exit(&nursery, 0, err);
		cr_assert(rc == 0 || rc == -EXFULL, "%d %s", rc, err->text);
		grove_error_clear(err);
	}
	cr_assert_eq(chaos->begun, chaos->ended);
	cr_assert_null(chaos->lock.owner);
	cr_assert_eq(chaos->lock.waiting + chaos->event.waiting, 0);
	grove_chan_close(chaos->tx);
	grove_chan_close(chaos->rx);
	grove_close(chaos->pair[0]);
	grove_close(chaos->pair[1]);
	return 0;
}

Test(core_stress, anything_at_random)
{
	for (unsigned int seed = 1; seed <= (RUNNING_ON_VALGRIND ? 2 : 30); seed++) {
		struct chaos chaos = { .seed = seed };

		cr_assert_eq(core_run_shuffled(chaos_main, &chaos, seed % 3 ? seed : 0), 0);
	}
}
