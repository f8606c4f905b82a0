/* SPDX-License-Identifier: BSD-2-Clause */
/* test_actor_call.c - calls, contexts and streams between two actors, and their cancels. */
#include "runtime/test/help_actor.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(actor_call, .init = help_begin, .fini = help_end);

/* What each case runs with one actor. */
typedef int case_fn(struct grove_portal *portal, struct grove_error *err);

static int with_actor(case_fn *fn, struct grove_error *err)
{
	struct grove_actors actors;
	struct grove_portal *portal;
	int rc;

	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	rc = fn(portal, err);
	if (rc == 0) {
		help_expect_alive(portal);
		grove_actors_cancel(&actors, "done");
	}
	return grove_actors_exit(&actors, rc, err);
}

/* Builds code: a test that runs FN(portal, err) against one actor, on all backends. */
#define ActorTest(fn)                                                                              \
	static int fn##_body(void *arg, struct grove_error *err)                                   \
	{                                                                                          \
		(void)arg;                                                                         \
		return with_actor(fn, err);                                                        \
	}                                                                                          \
	Test(actor_call, fn)                                                                       \
	{                                                                                          \
		help_on_all((struct help_case){ .name = #fn, .body = fn##_body });                 \
	}                                                                                          \
	struct help_case /* takes the semicolon */

static int values(struct grove_portal *portal, struct grove_error *err)
{
	_grove_value_ struct grove_value map = grove_map();
	_grove_value_ struct grove_value back = grove_nil();
	_grove_free_ char *large = malloc(3 << 20);

	memset(large, 'x', 3 << 20);
	grove_value_set(&map, "large", grove_bin(large, 3 << 20));
	grove_value_set(&map, "list", grove_array());
	grove_value_set(&map, "half", grove_float(0.5));
	int rc = grove_portal_run(portal, "echo", grove_value_copy(&map), &back, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	cr_assert(grove_value_equal(&map, &back));
	return 0;
}
ActorTest(values);

static int too_large(struct grove_portal *portal, struct grove_error *err)
{
	_grove_free_ char *large = calloc(1, 17 << 20);
	int rc = grove_portal_run(portal, "echo", grove_bin(large, 17 << 20), NULL, err);

	cr_assert_eq(rc, -EMSGSIZE, "%d: %s", rc, err->text);
	grove_error_clear(err);
	return 0;
}
ActorTest(too_large);

static int unknown_function(struct grove_portal *portal, struct grove_error *err)
{
	int rc = grove_portal_run(portal, "levitate", grove_nil(), NULL, err);

	cr_assert_eq(rc, -ENOSYS, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "levitate") && strstr(err->text, "worker."), "%s", err->text);
	grove_error_clear(err);
	struct grove_context *context;
	rc = grove_portal_open(portal, "levitate", grove_nil(), &context, err);
	cr_assert_eq(rc, -ENOSYS, "%d: %s", rc, err->text);
	grove_error_clear(err);
	return 0;
}
ActorTest(unknown_function);

static int failing(struct grove_portal *portal, struct grove_error *err)
{
	struct grove_context *context;
	int rc = grove_portal_run(portal, "double", grove_str("two"), NULL, err);

	cr_assert_eq(rc, -EINVAL);
	cr_assert(strstr(err->text, "cannot double a string"), "%s", err->text);
	grove_error_clear(err);
	rc = grove_portal_open(portal, "fail", grove_nil(), &context, err);
	cr_assert_eq(rc, -ENOSPC, "%s", err->text);
	grove_error_clear(err);
	rc = grove_portal_open(portal, "double", grove_int(1), &context, err);
	cr_assert_eq(rc, -EPROTO, "it never starts: %s", err->text);
	grove_error_clear(err);
	return 0;
}
ActorTest(failing);

static int many_at_once_task(void *arg, struct grove_error *err)
{
	struct grove_portal *portal = arg;

	for (int64_t i = 0; i < 50; i++) {
		_grove_value_ struct grove_value back = grove_nil();
		int rc = grove_portal_run(portal, "double", grove_int(i), &back, err);

		if (rc < 0)
			return rc;
		cr_assert_eq(back.i, 2 * i);
	}
	return 0;
}

static int many_at_once(struct grove_portal *portal, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "callers");
	for (int i = 0; i < 20; i++)
		grove_spawn(&nursery, "caller", many_at_once_task, portal);
	return grove_nursery_exit(&nursery, 0, err);
}
ActorTest(many_at_once);

/* ---- streams --------------------------------------------------------------------------------- */

static int stream_feed(void *arg, struct grove_error *err)
{
	struct grove_context *context = arg;
	int rc = 0;

	for (int64_t i = 0; i < 1000 && rc == 0; i++)
		rc = grove_context_send(context, grove_int(i), err);
	grove_context_stop(context);
	return rc;
}

static int stream(struct grove_portal *portal, struct grove_error *err)
{
	_grove_value_ struct grove_value count = grove_nil();
	struct grove_context *context;
	struct grove_nursery nursery;
	int rc = grove_portal_open(portal, "squares", grove_str("hello"), &context, err);

	cr_assert_eq(rc, 0, "%s", err->text);
	cr_assert_str_eq(grove_value_str(grove_context_first(context), ""), "hello");
	cr_assert_str_eq(grove_context_peer(context)->name, "worker");
	grove_nursery_open(&nursery, "stream");
	grove_spawn(&nursery, "feed", stream_feed, context);
	for (int64_t i = 0; i < 1000 && rc == 0; i++) {
		_grove_value_ struct grove_value item = grove_nil();

		rc = grove_context_recv(context, &item, err);
		cr_assert_eq(rc, 0, "%s", err->text);
		cr_assert_eq(item.i, i * i);
	}
	rc = grove_nursery_exit(&nursery, rc, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_context_close(context, 0, &count, err);
	cr_assert_eq(count.i, 1000);
	return rc;
}
ActorTest(stream);

static int backpressure(struct grove_portal *portal, struct grove_error *err)
{
	_grove_value_ struct grove_value item = grove_nil();
	struct grove_context *context, *echo;
	struct grove_scope scope;
	int sent = 0;
	int rc = grove_portal_open(portal, "flood", grove_nil(), &context, err);

	cr_assert_eq(rc, 0, "%s", err->text);
	/* it sends without end, we take nothing: its other calls go on, and so do ours */
	for (int i = 0; i < 5; i++)
		help_expect_alive(portal);
	rc = grove_portal_open(portal, "flood", grove_nil(), &echo, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	/* and what we may send, when nobody takes it, is the window */
	grove_move_on_after(&scope, 200 * GROVE_MS);
	for (rc = 0; rc == 0; sent += rc == 0)
		rc = grove_context_send(echo, grove_int(1), err);
	rc = grove_scope_exit(&scope, rc, err);
	cr_assert_eq(rc, 0);
	cr_assert_eq(sent, GROVE_STREAM_WINDOW);
	for (int64_t i = 0; i < 500; i++) {
		rc = grove_context_recv(context, &item, err);
		cr_assert_eq(rc, 0, "%s", err->text);
		cr_assert_eq(item.i, i);
	}
	grove_context_cancel(echo, "enough");
	rc = grove_context_result(echo, NULL, err);
	cr_assert_eq(rc, -EREMOTEIO, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "enough"), "%s", err->text);
	grove_error_clear(err);
	cr_assert_eq(grove_context_close(echo, -EIO, NULL, NULL), -EIO);
	cr_assert_eq(grove_context_close(context, -EPIPE, NULL, NULL), -EPIPE);
	return 0;
}
ActorTest(backpressure);

static int ends_early(struct grove_portal *portal, struct grove_error *err)
{
	_grove_value_ struct grove_value item = grove_nil();
	struct grove_context *context;
	int rc = grove_portal_open(portal, "squares", grove_nil(), &context, err);

	cr_assert_eq(rc, 0, "%s", err->text);
	grove_context_stop(context);
	cr_assert_eq(grove_context_send(context, grove_int(1), err), -EPIPE);
	cr_assert_eq(grove_context_recv(context, &item, err), -EPIPE, "%s", err->text);
	grove_error_clear(err);
	rc = grove_context_close(context, 0, &item, err);
	cr_assert_eq(item.i, 0);
	return rc;
}
ActorTest(ends_early);

/* ---- cancels --------------------------------------------------------------------------------- */

static int caller_cancelled(struct grove_portal *portal, struct grove_error *err)
{
	_grove_free_ char *path = grove_format("%s/ended", help_folder());
	struct grove_scope scope;
	int rc;

	grove_move_on_after(&scope, 50 * GROVE_MS);
	rc = grove_portal_run(portal, "forever", grove_str(path), NULL, err);
	cr_assert_eq(rc, -ECANCELED, "%d: %s", rc, err->text);
	rc = grove_scope_exit(&scope, rc, err);
	cr_assert(rc == 0 && scope.caught);
	/* the function there was cancelled, and had ended when our call returned */
	cr_assert_eq(unlink(path), 0, "%s: %m", path);
	return 0;
}
ActorTest(caller_cancelled);

static int callee_swallows(struct grove_portal *portal, struct grove_error *err)
{
	int64_t begin_ns = grove_now_ns();
	struct grove_scope scope;
	int rc;

	grove_move_on_after(&scope, 20 * GROVE_MS);
	rc = grove_portal_run(portal, "stubborn", grove_nil(), NULL, err);
	rc = grove_scope_exit(&scope, rc, err);
	cr_assert(rc == 0 && scope.caught, "%d: %s", rc, err->text);
	cr_assert_geq(grove_now_ns() - begin_ns, GROVE_GRACE_NS, "it had its grace");
	cr_assert_lt(grove_now_ns() - begin_ns, HELP_LONG);
	return 0;
}

static int callee_swallows_body(void *arg, struct grove_error *err)
{
	(void)arg;
	return with_actor(callee_swallows, err);
}

static const struct help_skip killable[] = {
	{ "subint_legacy", "a thread that does not end cannot be killed" },
	{ "subint_isolated", "a thread that does not end cannot be killed" },
	{ NULL, NULL },
};

Test(actor_call, callee_swallows)
{
	help_on_all((struct help_case){ .name = "callee_swallows",
					.body = callee_swallows_body,
					.skip = killable,
					.one_transport = true });
}

static int actor_cancelled_meanwhile(struct grove_portal *portal, struct grove_error *err)
{
	struct grove_context *context;
	struct grove_actors actors;
	struct grove_portal *other;
	int rc;

	(void)portal;
	grove_actors_open(&actors, "others");
	other = help_start(&actors, "other");
	rc = grove_portal_open(other, "flood", grove_nil(), &context, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	cr_assert_eq(grove_portal_cancel_actor(other, "no more", err), 0, "%s", err->text);
	rc = grove_context_result(context, NULL, err);
	cr_assert_eq(rc, -EREMOTEIO, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "no more"), "%s", err->text);
	grove_error_clear(err);
	cr_assert_eq(grove_context_close(context, -EIO, NULL, NULL), -EIO);
	rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_portal_connect(grove_actor_addrs(grove_actor_self()), NULL, &other, err);
	cr_assert_eq(rc, 0, "an actor may call itself: %s", err->text);
	help_expect_alive(other);
	grove_portal_free(other);
	return 0;
}
ActorTest(actor_cancelled_meanwhile);
