/* SPDX-License-Identifier: BSD-2-Clause */
/* test_actor_end.c - actors that do not end by themselves, or end too early; orphans. */
#include "runtime/test/help_actor.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

TestSuite(actor_end, .init = help_begin, .fini = help_end);

static const struct help_skip own_process[] = {
	{ "subint_legacy", "a thread cannot be killed" },
	{ "subint_isolated", "a thread cannot be killed" },
	{ NULL, NULL },
};

/* Open `func` in a new actor, tell it to end, and say how long that took. */
static int64_t time_to_end(const char *func, struct grove_error *err)
{
	struct grove_context *context;
	struct grove_portal *portal;
	struct grove_actors actors;
	int64_t begin_ns;
	int rc;

	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	rc = grove_portal_open(portal, func, grove_nil(), &context, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	begin_ns = grove_now_ns();
	cr_assert_eq(grove_actors_end(&actors, portal, "the end"), 0);
	begin_ns = grove_now_ns() - begin_ns;
	rc = grove_context_close(context, 0, NULL, err);
	cr_assert_eq(rc, -ENOTCONN, "%d: %s", rc, err->text);
	grove_error_clear(err);
	rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	return begin_ns;
}

static int stubborn(void *arg, struct grove_error *err)
{
	(void)arg;
	cr_assert_geq(time_to_end("stubborn", err), 2 * 100 * GROVE_MS);
	return 0;
}

Test(actor_end, swallowed_cancel_is_killed)
{
	help_on_all((struct help_case){ .name = "stubborn",
					.body = stubborn,
					.skip = own_process,
					.grace_ns = 100 * GROVE_MS });
}

static int blocked(void *arg, struct grove_error *err)
{
	(void)arg;
	cr_assert_geq(time_to_end("block", err), 2 * 100 * GROVE_MS);
	return 0;
}

Test(actor_end, blocked_loop_is_killed)
{
	help_on_all((struct help_case){ .name = "blocked",
					.body = blocked,
					.skip = own_process,
					.grace_ns = 100 * GROVE_MS });
}

static int stopped(void *arg, struct grove_error *err)
{
	struct grove_portal *portal;
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	cr_assert_eq(kill(grove_actors_pid(&actors, portal), SIGSTOP), 0);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_end, stopped_process_is_killed)
{
	help_on_all((struct help_case){ .name = "stopped",
					.body = stopped,
					.skip = own_process,
					.grace_ns = 100 * GROVE_MS });
}

/* An actor with one below it, whose function is stubborn or not. Its pid is *below. */
static struct grove_context *two_levels(struct grove_actors *actors, bool hard,
					struct grove_portal **portal, pid_t *below)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_context *context = NULL;

	*portal = help_start(actors, "child");
	int rc = grove_portal_open(*portal, "parent", grove_bool(hard), &context, &err);
	cr_assert_eq(rc, 0, "%s", err.text);
	*below = (pid_t)grove_context_first(context)->i;
	cr_assert(help_process_lives(*below));
	return context;
}

static int subtree(void *arg, struct grove_error *err)
{
	struct grove_context *context;
	struct grove_portal *portal;
	struct grove_actors actors;
	pid_t below, child;

	(void)arg;
	grove_actors_open(&actors, "actors");
	context = two_levels(&actors, true, &portal, &below);
	child = grove_actors_pid(&actors, portal);
	/* it can do nothing for its own child any more */
	cr_assert_eq(kill(child, SIGSTOP), 0);
	cr_assert_eq(grove_actors_end(&actors, portal, "the end"), 0);
	cr_assert(help_wait_dead(below), "the grandchild is left");
	cr_assert_eq(grove_context_close(context, 0, NULL, err), -ENOTCONN);
	grove_error_clear(err);
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_end, kill_takes_the_subtree)
{
	help_on_all((struct help_case){ .name = "subtree",
					.pidfd = true,
					.body = subtree,
					.skip = own_process,
					.grace_ns = 100 * GROVE_MS,
					.orphans = true });
}

static int orphan(void *arg, struct grove_error *err)
{
	struct grove_context *context;
	struct grove_portal *portal;
	struct grove_actors actors;
	pid_t below;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	context = two_levels(&actors, false, &portal, &below);
	cr_assert_eq(kill(grove_actors_pid(&actors, portal), SIGKILL), 0);
	rc = grove_context_close(context, 0, NULL, err);
	cr_assert_eq(rc, -ENOTCONN, "%d: %s", rc, err->text);
	/* nobody tells the grandchild: it sees by itself that its parent is gone */
	cr_assert(help_wait_dead(below), "the orphan lives on");
	rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(rc, -ECHILD, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "signal 9") && strstr(err->text, "child."), "%s", err->text);
	grove_error_clear(err);
	return 0;
}

Test(actor_end, orphan_ends_by_itself)
{
	help_on_all((struct help_case){
		.name = "orphan", .body = orphan, .skip = own_process, .orphans = true });
}

static int dies(void *arg, struct grove_error *err)
{
	struct grove_start_opts waits = { .name = "waits", .func = "forever" };
	struct grove_start_opts opts = { .name = "dies", .func = "die", .args = grove_int(7) };
	struct grove_actors actors;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	rc = grove_actors_run(&actors, &waits, NULL, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_actors_run(&actors, &opts, NULL, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_actors_exit(&actors, 0, err);
	/* both what the caller saw and why */
	cr_assert_lt(rc, 0);
	cr_assert_not_null(err->tree);
	cr_assert_not_null(grove_errors_find(err->tree, -ENOTCONN), "%s", err->text);
	const struct grove_errors *why = grove_errors_find(err->tree, -ECHILD);
	cr_assert_not_null(why, "%s", err->text);
	_grove_free_ char *text = grove_errors_print(err->tree);
	cr_assert(strstr(text, "exit code 7"), "%s", text);
	grove_error_clear(err);
	return 0;
}

Test(actor_end, death_is_a_failure)
{
	help_on_all((struct help_case){ .name = "dies", .body = dies, .skip = own_process });
}

static int sigterm(void *arg, struct grove_error *err)
{
	struct grove_context *context;
	struct grove_portal *portal;
	struct grove_actors actors;
	pid_t below;

	(void)arg;
	grove_actors_open(&actors, "actors");
	context = two_levels(&actors, true, &portal, &below);
	/* in a hurry it kills what would have to be asked first, and does its other work */
	cr_assert_eq(kill(grove_actors_pid(&actors, portal), SIGTERM), 0);
	cr_assert(help_wait_dead(below), "the grandchild is left");
	int rc = grove_context_close(context, 0, NULL, err);
	cr_assert(rc == -EREMOTEIO || rc == -ENOTCONN, "%d: %s", rc, err->text);
	grove_error_clear(err);
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_end, sigterm_is_a_hurry)
{
	help_on_all((struct help_case){ .name = "sigterm",
					.body = sigterm,
					.skip = own_process,
					.grace_ns = 10 * GROVE_SECOND });
}
