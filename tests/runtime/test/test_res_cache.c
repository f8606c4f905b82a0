/* SPDX-License-Identifier: BSD-2-Clause */
/* test_res_cache.c - resources: entered once, shared, ended by the last, and entered again. */
#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/res/cache.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/test/help_left.h"

TestSuite(res_cache, .init = help_begin, .fini = help_end);

/* What a resource of these tests does, and what has been done. */
struct thing {
	int opened, closed;
	int open_rc, close_rc; /* what its function gives */
	bool no_offer;
	bool hold_open, hold_close; /* wait for these */
	struct grove_event may_open, may_close, opening, closing;
	int value;
};

/* All of one test: it runs as the main task with a cache in a nursery. */
struct scene {
	struct grove_cache cache;
	struct grove_nursery nursery;
	struct thing thing;
	struct grove_resource what;
	int users;
	int rcs[8];
	int values[8];
	struct grove_event go; /* users leave */
	bool over;	       /* its nursery was left */
	char text[384];
};

static int use_thing(struct grove_offer *offer, void *arg, struct grove_error *err)
{
	struct thing *thing = arg;
	struct grove_scope shield;
	int rc = 0;

	grove_event_set(&thing->opening);
	if (thing->hold_open)
		rc = grove_event_wait(&thing->may_open);
	if (rc < 0)
		return rc;
	if (thing->open_rc < 0)
		return grove_error_set(err, thing->open_rc, "no such thing");
	if (thing->no_offer)
		return 0;
	thing->opened++;
	thing->value = 100 + thing->opened;
	rc = grove_cache_offer(offer, &thing->value);
	grove_event_set(&thing->closing);
	if (thing->hold_close) {
		grove_scope_enter_shielded(&shield, "close", GROVE_NEVER);
		if (grove_event_wait(&thing->may_close) < 0)
			abort();
		if (grove_scope_exit(&shield, 0, NULL) < 0)
			abort();
	}
	thing->closed++;
	if (thing->close_rc < 0)
		return grove_error_set(err, thing->close_rc, "it did not close");
	return rc;
}

static void scene_open(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	grove_event_init(&s->go, "go");
	grove_event_init(&s->thing.may_open, "may open");
	grove_event_init(&s->thing.may_close, "may close");
	grove_event_init(&s->thing.opening, "opening");
	grove_event_init(&s->thing.closing, "closing");
	grove_nursery_open(&s->nursery, "cache");
	grove_cache_init(&s->cache, &s->nursery);
	s->what = (struct grove_resource){ .key = "thing", .fn = use_thing, .arg = &s->thing };
}

/* The end of its cache, for bodies that look at what is left. */
static int scene_close(struct scene *s, int rc, struct grove_error *err)
{
	s->over = true;
	return grove_nursery_exit(&s->nursery, rc, err);
}

/* Let all others run until they wait. */
static void settle(void)
{
	for (int i = 0; i < 20; i++)
		grove_yield();
}

/* A user: enters, notes what it got, leaves when told to. */
static int user(void *arg, struct grove_error *err)
{
	struct scene *s = arg;
	int number = s->users++, rc;
	struct grove_lease lease = { .offer = NULL };
	_grove_error_ struct grove_error why = GROVE_ERROR_INIT;

	(void)err;
	rc = grove_cache_enter(&s->cache, &s->what, &lease, &why);
	s->rcs[number] = rc < 0 ? rc : 1;
	if (rc < 0) {
		snprintf(s->text, sizeof(s->text), "%s", why.text);
		return rc == -ECANCELED ? rc : 0;
	}
	s->values[number] = *(int *)lease.value;
	rc = grove_event_wait(&s->go);
	if (*(int *)lease.value != s->values[number])
		abort();
	s->values[number] = -1;
	int left = grove_cache_leave(&lease, &why);
	if (left < 0 && left != -ECANCELED) {
		s->rcs[number] = left;
		snprintf(s->text, sizeof(s->text), "%s", why.text);
	}
	return rc < 0 ? rc : left == -ECANCELED ? left : 0;
}

/* A nursery with `count` users that have entered, or wait for that. */
static void open_users(struct grove_nursery *users, struct scene *s, int count)
{
	grove_nursery_open(users, "users");
	for (int i = 0; i < count; i++)
		grove_spawn(users, "user", user, s);
	settle();
}

struct play {
	int (*body)(struct scene *s, struct grove_error *err);
};

/* The main task of each test: a scene, the body, and the end of the cache. */
static int in_scene(void *arg, struct grove_error *err)
{
	const struct play *play = arg;
	struct scene s;

	scene_open(&s);
	int rc = play->body(&s, err);
	return s.over ? rc : scene_close(&s, rc, err);
}

/* Run it, with tasks in an order made of `seed`, 0: in that in which they can run. */
static void run_shuffled(int (*body)(struct scene *s, struct grove_error *err), uint64_t seed)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	const struct grove_run_opts opts = { .shuffle_seed = seed };
	struct play play = { .body = body };
	int rc = grove_run(in_scene, &play, &opts, &err);

	cr_assert_eq(rc, 0, "%d: %s", rc, err.text);
}

static void run(int (*body)(struct scene *s, struct grove_error *err))
{
	run_shuffled(body, 0);
}

static int one_user(struct scene *s, struct grove_error *err)
{
	struct grove_lease lease = { .offer = NULL };

	for (int i = 1; i <= 3; i++) {
		cr_assert_eq(grove_cache_enter(&s->cache, &s->what, &lease, err), 0, "%s",
			     err->text);
		cr_assert_eq(*(int *)lease.value, 100 + i);
		cr_assert_eq(s->thing.opened, i);
		cr_assert_eq(s->thing.closed, i - 1);
		cr_assert_eq(grove_cache_users(&s->cache, "thing"), 1);
		cr_assert_eq(grove_cache_leave(&lease, err), 0);
		cr_assert_null(lease.offer);
		cr_assert_eq(s->thing.closed, i, "the last one waits until it is gone");
		cr_assert_eq(grove_cache_leave(&lease, err), 0, "an empty lease");
		cr_assert_eq(grove_cache_users(&s->cache, "thing"), 0);
	}
	return 0;
}
Test(res_cache, one_user_after_the_other)
{
	run(one_user);
}

static int many_users(struct scene *s, struct grove_error *err)
{
	struct grove_nursery users;

	s->thing.hold_open = true;
	open_users(&users, s, 4);
	cr_assert_eq(grove_cache_users(&s->cache, "thing"), 4);
	cr_assert_eq(s->thing.opened, 0);
	grove_event_set(&s->thing.may_open);
	settle();
	for (int i = 0; i < 4; i++)
		grove_spawn(&users, "late", user, s);
	settle();
	cr_assert_eq(s->thing.opened, 1);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(s->values[i], 101, "%d", i);
	cr_assert_eq(s->thing.closed, 0);
	grove_event_set(&s->go);
	cr_assert_eq(grove_nursery_exit(&users, 0, err), 0);
	cr_assert_eq(s->thing.closed, 1);
	return 0;
}
Test(res_cache, many_users_share_one)
{
	run(many_users);
}

static int two_keys(struct scene *s, struct grove_error *err)
{
	struct grove_lease a = { .offer = NULL }, b = { .offer = NULL };
	struct thing other = { .value = 0 };

	struct grove_resource what = { .key = "other", .fn = use_thing, .arg = &other };
	grove_event_init(&other.opening, "");
	grove_event_init(&other.closing, "");
	cr_assert_eq(grove_cache_enter(&s->cache, &s->what, &a, err), 0);
	cr_assert_eq(grove_cache_enter(&s->cache, &what, &b, err), 0);
	cr_assert_neq(a.value, b.value);
	cr_assert_eq(grove_cache_leave(&a, err), 0);
	cr_assert_eq(s->thing.closed, 1);
	cr_assert_eq(other.closed, 0);
	cr_assert_eq(grove_cache_leave(&b, err), 0);
	cr_assert_eq(other.closed, 1);
	return 0;
}
Test(res_cache, keys_are_apart)
{
	run(two_keys);
}

static int reentry(struct scene *s, struct grove_error *err)
{
	struct grove_nursery users;

	s->thing.hold_close = true;
	open_users(&users, s, 1);
	grove_event_set(&s->go);
	settle();
	cr_assert(grove_event_is_set(&s->thing.closing));
	cr_assert_eq(s->thing.closed, 0);
	/* Now it is being taken down: who comes waits, and gets another one. */
	grove_spawn(&users, "second", user, s);
	grove_spawn(&users, "third", user, s);
	settle();
	cr_assert_eq(s->users, 3);
	cr_assert_eq(s->rcs[1], 0, "still waiting");
	cr_assert_eq(s->thing.opened, 1);
	grove_event_init(&s->go, "go");
	s->thing.hold_close = false;
	grove_event_set(&s->thing.may_close);
	settle();
	cr_assert_eq(s->thing.closed, 1);
	cr_assert_eq(s->thing.opened, 2);
	cr_assert_eq(s->values[1], 102);
	cr_assert_eq(s->values[2], 102);
	grove_event_set(&s->go);
	cr_assert_eq(grove_nursery_exit(&users, 0, err), 0);
	cr_assert_eq(s->thing.closed, 2);
	return 0;
}
Test(res_cache, who_enters_during_teardown_gets_a_fresh_one)
{
	run(reentry);
}

static int reentry_defect(struct scene *s, struct grove_error *err)
{
	struct grove_nursery users;

	s->cache.defects.reenter_closing = true;
	s->thing.hold_close = true;
	open_users(&users, s, 1);
	grove_event_set(&s->go);
	settle();
	grove_spawn(&users, "second", user, s);
	settle();
	grove_event_set(&s->thing.may_close);
	settle();
	cr_assert_eq(s->thing.closed, 1);
	cr_assert_eq(s->rcs[1], 0, "the defect: it waits for what is gone");
	cr_assert_eq(s->thing.opened, 1);
	grove_nursery_cancel(&users, "enough");
	cr_assert_eq(grove_nursery_exit(&users, 0, err), 0);
	cr_assert_eq(s->rcs[1], -ECANCELED);
	return 0;
}
Test(res_cache, the_defect_hangs_and_can_be_cancelled)
{
	run(reentry_defect);
}

static int failing(struct scene *s, struct grove_error *err)
{
	struct grove_lease lease = { .offer = NULL };
	struct grove_nursery users;

	s->thing.hold_open = true;
	s->thing.open_rc = -ENOENT;
	open_users(&users, s, 3);
	grove_event_set(&s->thing.may_open);
	cr_assert_eq(grove_nursery_exit(&users, 0, err), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(s->rcs[i], -ENOENT);
	cr_assert_str_eq(s->text, "opening resource 'thing': no such thing");
	/* Each later one tries again. */
	s->thing.open_rc = 0;
	s->thing.no_offer = true;
	cr_assert_eq(grove_cache_enter(&s->cache, &s->what, &lease, err), -EPROTO);
	cr_assert_str_eq(err->text, "opening resource 'thing': it ended without an offer");
	s->thing.no_offer = false;
	cr_assert_eq(grove_cache_enter(&s->cache, &s->what, &lease, err), 0);
	s->thing.close_rc = -EIO;
	cr_assert_eq(grove_cache_leave(&lease, err), -EIO);
	cr_assert_str_eq(err->text, "closing resource 'thing': it did not close");
	grove_error_clear(err);
	return 0;
}
Test(res_cache, failures_reach_who_waits_for_them)
{
	run(failing);
}

static int opening_cancelled(struct scene *s, struct grove_error *err)
{
	struct grove_lease lease = { .offer = NULL };
	struct grove_scope scope;
	struct grove_nursery users;

	s->thing.hold_open = true;
	/* One of two is cancelled: the other one goes on waiting. */
	open_users(&users, s, 1);
	grove_move_on_after(&scope, 5 * GROVE_MS);
	int rc = grove_cache_enter(&s->cache, &s->what, &lease, err);
	cr_assert_eq(rc, -ECANCELED);
	cr_assert_null(lease.offer);
	cr_assert_eq(grove_scope_exit(&scope, rc, err), 0);
	cr_assert_eq(grove_cache_users(&s->cache, "thing"), 1);
	/* The last one as well: then the opening is cancelled. */
	grove_nursery_cancel(&users, "enough");
	cr_assert_eq(grove_nursery_exit(&users, 0, err), 0);
	settle();
	cr_assert_eq(s->rcs[0], -ECANCELED);
	cr_assert_eq(grove_cache_users(&s->cache, "thing"), 0);
	cr_assert(grove_list_empty(&s->cache.offers));
	grove_event_set(&s->thing.may_open);
	cr_assert_eq(grove_cache_enter(&s->cache, &s->what, &lease, err), 0);
	cr_assert_eq(s->thing.opened, 1);
	cr_assert_eq(grove_cache_leave(&lease, err), 0);
	return 0;
}
Test(res_cache, an_opening_that_nobody_waits_for_ends)
{
	run(opening_cancelled);
}

static int cancel_users(void *arg, struct grove_error *err)
{
	(void)err;
	grove_nursery_cancel(arg, "at once");
	return 0;
}

static int never_begun(struct scene *s, struct grove_error *err)
{
	struct grove_nursery users;

	s->thing.hold_open = true;
	grove_nursery_open(&users, "users");
	grove_spawn(&users, "user", user, s);
	grove_spawn(&users, "canceller", cancel_users, &users);
	cr_assert_eq(grove_nursery_exit(&users, 0, err), 0);
	settle();
	cr_assert(grove_list_empty(&s->cache.offers));
	return 0;
}
Test(res_cache, an_opening_may_end_before_it_began, .timeout = 20)
{
	/* In some of these orders the user is gone before the task of the resource first runs. */
	for (uint64_t seed = 0; seed < 100; seed++)
		run_shuffled(never_begun, seed);
}

static int closing_cancelled(struct scene *s, struct grove_error *err)
{
	struct grove_lease lease = { .offer = NULL };
	struct grove_scope scope;

	s->thing.hold_close = true;
	cr_assert_eq(grove_cache_enter(&s->cache, &s->what, &lease, err), 0);
	grove_move_on_after(&scope, 5 * GROVE_MS);
	int rc = grove_cache_leave(&lease, err);
	cr_assert_eq(rc, -ECANCELED);
	cr_assert_null(lease.offer, "the lease is over");
	cr_assert_eq(grove_scope_exit(&scope, rc, err), 0);
	cr_assert_eq(s->thing.closed, 0);
	/* A failure that nobody waits for is the nursery's. */
	s->thing.close_rc = -EIO;
	grove_event_set(&s->thing.may_close);
	cr_assert_eq(scene_close(s, 0, err), -EIO);
	cr_assert(strstr(err->text, "it did not close"), "%s", err->text);
	cr_assert_eq(s->thing.closed, 1);
	grove_error_clear(err);
	return 0;
}
Test(res_cache, a_closing_goes_on_without_who_waited)
{
	run(closing_cancelled);
}

/* A user that needs a while to leave, in the nursery that is cancelled. */
static int slow_user(void *arg, struct grove_error *err)
{
	struct scene *s = arg;
	struct grove_lease lease = { .offer = NULL };
	struct grove_scope shield;
	int rc = grove_cache_enter(&s->cache, &s->what, &lease, err);

	if (rc < 0)
		return rc;
	rc = grove_event_wait(&s->go);
	grove_scope_enter_shielded(&shield, "slow", GROVE_NEVER);
	for (int i = 0; i < 5; i++)
		grove_yield();
	s->values[0] = s->thing.closed;
	s->values[1] = *(int *)lease.value;
	if (grove_scope_exit(&shield, 0, NULL) < 0)
		abort();
	if (grove_cache_leave(&lease, NULL) != -ECANCELED)
		abort();
	return rc;
}

static int cancelled_cache(struct scene *s, struct grove_error *err)
{
	grove_spawn(&s->nursery, "slow", slow_user, s);
	settle();
	cr_assert_eq(s->thing.opened, 1);
	grove_scope_cancel(&s->nursery.scope, GROVE_CANCEL_CALL, "test", "down");
	cr_assert_eq(scene_close(s, 0, err), 0);
	cr_assert_eq(s->values[0], 0, "not taken down while it is used");
	cr_assert_eq(s->values[1], 101);
	cr_assert_eq(s->thing.closed, 1);
	return 0;
}
Test(res_cache, a_cancelled_cache_waits_for_its_users)
{
	run(cancelled_cache);
}

/* Holds the cache's nursery until `go`, then cancels it. */
static int owner(void *arg, struct grove_error *err)
{
	struct scene *s = arg;
	int rc;

	grove_nursery_open(&s->nursery, "cache");
	grove_cache_init(&s->cache, &s->nursery);
	rc = grove_event_wait(&s->go);
	grove_nursery_cancel(&s->nursery, "down");
	return grove_nursery_exit(&s->nursery, rc, err);
}

static int shut_down(struct scene *s, struct grove_error *err)
{
	struct grove_nursery both;

	cr_assert_eq(scene_close(s, 0, err), 0);
	s->thing.hold_open = true;
	grove_nursery_open(&both, "both");
	grove_spawn(&both, "owner", owner, s);
	settle();
	grove_spawn(&both, "outsider", user, s);
	settle();
	cr_assert_eq(grove_cache_users(&s->cache, "thing"), 1);
	grove_event_set(&s->go);
	cr_assert_eq(grove_nursery_exit(&both, 0, err), 0, "%s", err->text);
	cr_assert_eq(s->rcs[0], -ESHUTDOWN);
	cr_assert_str_eq(s->text, "opening resource 'thing': its cache is cancelled");
	return 0;
}
Test(res_cache, who_waits_outside_of_a_cancelled_cache_is_told)
{
	run(shut_down);
}

/* A user that comes and goes at random. */
static int restless(void *arg, struct grove_error *err)
{
	struct scene *s = arg;
	unsigned int seed = (unsigned int)++s->users;

	for (int i = 0; i < 200; i++) {
		struct grove_lease lease = { .offer = NULL };
		struct grove_scope scope;
		int rc;

		if (rand_r(&seed) % 3)
			grove_scope_enter(&scope, "patient", GROVE_NEVER);
		else
			grove_move_on_after(&scope, rand_r(&seed) % 200 * 1000);
		rc = grove_cache_enter(&s->cache, &s->what, &lease, err);
		if (rc == 0) {
			cr_assert_eq(*(int *)lease.value, 100 + s->thing.opened);
			cr_assert_eq(s->thing.opened, s->thing.closed + 1, "one at a time");
			for (int k = rand_r(&seed) % 4; k > 0; k--)
				grove_yield();
			cr_assert_eq(s->thing.opened, s->thing.closed + 1);
			rc = grove_cache_leave(&lease, err);
		}
		rc = grove_scope_exit(&scope, rc, err);
		if (rc < 0)
			return rc;
		for (int k = rand_r(&seed) % 4; k > 0; k--)
			grove_yield();
	}
	return 0;
}

static int crowd(struct scene *s, struct grove_error *err)
{
	struct grove_nursery users;

	grove_nursery_open(&users, "users");
	for (int i = 0; i < 5; i++)
		grove_spawn(&users, "restless", restless, s);
	cr_assert_eq(grove_nursery_exit(&users, 0, err), 0, "%s", err->text);
	cr_assert_gt(s->thing.opened, 20);
	int rc = scene_close(s, 0, err);
	cr_assert_eq(s->thing.opened, s->thing.closed);
	return rc;
}
Test(res_cache, a_crowd_that_comes_and_goes)
{
	for (uint64_t seed = 0; seed < 10; seed++)
		run_shuffled(crowd, seed);
}
