/* SPDX-License-Identifier: BSD-2-Clause */
/* test_actor_life.c - actors start, work and end, alone and in nurseries. */
#include "runtime/test/help_actor.h"

#include <signal.h>
#include <stdio.h>

TestSuite(actor_life, .init = help_begin, .fini = help_end);

static int start_and_end(void *arg, struct grove_error *err)
{
	struct help_run *run = arg;
	struct grove_actors actors;
	struct grove_portal *portal;
	_grove_value_ struct grove_value pid = grove_nil();

	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	help_expect_alive(portal);
	cr_assert_eq(grove_portal_run(portal, "pid", grove_nil(), &pid, err), 0);
	cr_assert_eq(pid.i, grove_actors_pid(&actors, portal));
	cr_assert_eq(pid.i == getpid(), run->hosted);
	cr_assert_str_eq(grove_portal_uid(portal)->name, "worker");
	cr_assert_eq(grove_portal_addrs(portal)->count, 1);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_life, start_and_end)
{
	help_on_all((struct help_case){ .name = "start_and_end", .body = start_and_end });
}

static int end_one(void *arg, struct grove_error *err)
{
	struct grove_actors actors;
	struct grove_portal *one, *two;

	(void)arg;
	grove_actors_open(&actors, "actors");
	one = help_start(&actors, "one");
	two = help_start(&actors, "two");
	cr_assert_eq(grove_actors_end(&actors, one, "enough"), 0);
	help_expect_alive(two);
	cr_assert_eq(grove_portal_cancel_actor(two, "enough", err), 0, "%s", err->text);
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_life, one_is_ended_and_the_other_lives)
{
	help_on_all((struct help_case){ .name = "end_one", .body = end_one });
}

static int run_three(void *arg, struct grove_error *err)
{
	struct grove_result *result[3];
	const struct grove_value *value;
	struct grove_actors actors;
	char name[16];

	(void)arg;
	grove_actors_open(&actors, "actors");
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "worker%d", i);
		struct grove_start_opts opts = { .name = name,
						 .func = "double",
						 .args = grove_int(i) };
		int rc = grove_actors_run(&actors, &opts, &result[i], err);
		cr_assert_eq(rc, 0, "%s", err->text);
	}
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(grove_result_wait(result[i], &value), 0);
		cr_assert_eq(value->i, 2 * i);
	}
	return grove_actors_exit(&actors, 0, err); /* ends by itself: nobody is left */
}

Test(actor_life, functions_in_actors_of_their_own)
{
	help_on_all((struct help_case){ .name = "run_three", .body = run_three });
}

static int one_fails(void *arg, struct grove_error *err)
{
	struct grove_start_opts stays = { .name = "stays", .func = "forever" };
	struct grove_start_opts fails = { .name = "fails",
					  .func = "fail",
					  .args = grove_str("anything") };
	const struct grove_errors *found;
	struct grove_actors actors;
	int64_t begin_ns = grove_now_ns();
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	rc = grove_actors_run(&actors, &stays, NULL, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_actors_run(&actors, &fails, NULL, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(rc, -ENOSPC, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "no room for anything"), "%s", err->text);
	cr_assert_not_null(err->tree);
	cr_assert_eq(grove_errors_leaves(err->tree), 1);
	found = grove_errors_find(err->tree, -ENOSPC);
	while (grove_errors_count(found))
		found = grove_errors_child(found, 0);
	cr_assert_str_eq(grove_errors_origin(found)->actor, "fails");
	cr_assert_str_eq(grove_errors_origin(found)->task, "fail");
	cr_assert_eq(strlen(grove_errors_origin(found)->uid), 36);
	cr_assert_lt(grove_now_ns() - begin_ns, HELP_LONG);
	grove_error_clear(err);
	return 0;
}

Test(actor_life, one_failure_cancels_all)
{
	help_on_all((struct help_case){ .name = "one_fails", .body = one_fails });
}

static int body_fails(void *arg, struct grove_error *err)
{
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	help_start(&actors, "one");
	help_start(&actors, "two");
	return grove_actors_exit(&actors, grove_error_set(err, -EDOM, "the body fails"), err);
}

Test(actor_life, failure_of_the_body_ends_all)
{
	help_on_all(
		(struct help_case){ .name = "body_fails", .body = body_fails, .expect = -EDOM });
}

static int deadline(void *arg, struct grove_error *err)
{
	struct grove_start_opts opts = { .name = "worker", .func = "forever" };
	struct grove_actors actors;
	struct grove_scope scope;
	int rc;

	(void)arg;
	grove_fail_after(&scope, 300 * GROVE_MS);
	grove_actors_open(&actors, "actors");
	rc = grove_actors_run(&actors, &opts, NULL, err);
	rc = grove_actors_exit(&actors, rc, err);
	return grove_scope_exit(&scope, rc, err);
}

Test(actor_life, deadline_around_a_nursery)
{
	help_on_all(
		(struct help_case){ .name = "deadline", .body = deadline, .expect = -ETIMEDOUT });
}

static int sigint(void *arg, struct grove_error *err)
{
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	help_start(&actors, "one");
	help_start(&actors, "two");
	cr_assert_eq(kill(getpid(), SIGINT), 0);
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_life, sigint_to_the_root_ends_all)
{
	help_on_all((struct help_case){ .name = "sigint", .body = sigint, .expect = -EINTR });
}

static int sigint_child(void *arg, struct grove_error *err)
{
	struct grove_start_opts opts = { .name = "worker", .func = "forever" };
	struct grove_actors actors;
	struct grove_portal *portal;

	(void)arg;
	(void)opts;
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "one");
	cr_assert_eq(kill(grove_actors_pid(&actors, portal), SIGINT), 0);
	return grove_actors_exit(&actors, 0, err);
}

static const struct help_skip no_process[] = {
	{ "subint_legacy", "the actor has no process of its own" },
	{ "subint_isolated", "the actor has no process of its own" },
	{ NULL, NULL },
};

Test(actor_life, sigint_to_an_actor_ends_it)
{
	help_on_all((struct help_case){
		.name = "sigint_child", .body = sigint_child, .skip = no_process });
}

/* ---- how starts fail ------------------------------------------------------------------------- */

static int bad_starts(void *arg, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs binds = GROVE_ADDRS_INIT;
	struct grove_start_opts busy = { .name = "busy", .binds = &binds };
	struct grove_start_opts unknown = { .name = "x", .backend = "telepathy" };
	struct grove_portal *portal;
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	cr_assert_eq(grove_actors_start(&actors, &(struct grove_start_opts){ .name = "a b" },
					&portal, err),
		     -EINVAL);
	cr_assert_eq(grove_actors_start(&actors, &unknown, &portal, err), -EINVAL);
	cr_assert(strstr(err->text, "telepathy") && strstr(err->text, "exec"), "%s", err->text);
	/* the address of this root is taken: the actor says so, and is gone */
	grove_addrs_copy(&binds, grove_actor_addrs(grove_actor_self()));
	cr_assert_eq(grove_actors_start(&actors, &busy, &portal, err), -EADDRINUSE, "%s",
		     err->text);
	cr_assert(strstr(err->text, "bind"), "%s", err->text);
	grove_error_clear(err);
	help_expect_alive(help_start(&actors, "good"));
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_life, starts_that_fail_leave_nothing)
{
	help_on_all((struct help_case){ .name = "bad_starts", .body = bad_starts });
}

static int cancelled_start(void *arg, struct grove_error *err)
{
	struct grove_actors actors;
	struct grove_portal *portal;
	struct grove_scope scope;
	int rc;

	(void)arg;
	/* at every moment of a start, from before its beginning to after its end */
	for (int64_t us = 0; us < 6000; us += 250) {
		grove_move_on_after(&scope, us * 1000);
		grove_actors_open(&actors, "actors");
		rc = grove_actors_start(&actors, &(struct grove_start_opts){ .name = "one" },
					&portal, err);
		if (rc == 0)
			grove_actors_cancel(&actors, "up in time");
		rc = grove_actors_exit(&actors, rc, err);
		rc = grove_scope_exit(&scope, rc, err);
		cr_assert_eq(rc, 0, "%d: %s", rc, err->text);
	}
	return 0;
}

Test(actor_life, start_cancelled_at_any_moment)
{
	help_on_all((struct help_case){ .name = "cancelled_start", .body = cancelled_start });
}

/* An address of this test run alone. Until the next call. */
static const char *own_name(const char *what)
{
	static char text[64];

	snprintf(text, sizeof(text), "/unix/@grove-test-%s-%d", what, (int)getpid());
	return text;
}

static int merged_binds(void *arg, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs binds = GROVE_ADDRS_INIT;
	struct grove_start_opts opts = { .name = "worker", .binds = &binds };
	struct grove_portal *portal, *other;
	struct grove_actors actors;

	(void)arg;
	cr_assert_eq(grove_addrs_add_text(&binds, "/ip4/127.0.0.1/tcp/0", err), 0);
	cr_assert_eq(grove_addrs_add_text(&binds, own_name("merged"), err), 0);
	grove_actors_open(&actors, "actors");
	int rc = grove_actors_start(&actors, &opts, &portal, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	cr_assert_geq(grove_portal_addrs(portal)->count, 2);
	for (size_t i = 0; i < grove_portal_addrs(portal)->count; i++) {
		struct grove_addrs only = { .at = &grove_portal_addrs(portal)->at[i], .count = 1 };

		rc = grove_portal_connect(&only, NULL, &other, err);
		cr_assert_eq(rc, 0, "%s", err->text);
		help_expect_alive(other);
		grove_portal_free(other);
	}
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_life, several_addresses)
{
	help_on_all((struct help_case){ .name = "merged_binds", .body = merged_binds });
}

/* ---- a table of endpoints -------------------------------------------------------------------- */

static void write_table(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	cr_assert_not_null(file, "%s: %m", path);
	fputs(text, file);
	fclose(file);
}

static int listed(void *arg, struct grove_error *err)
{
	_grove_addrs_ struct grove_addrs wanted = GROVE_ADDRS_INIT;
	struct grove_portal *portal;
	struct grove_actors actors;

	(void)arg;
	cr_assert_eq(grove_addrs_add_text(&wanted, own_name("listed"), err), 0);
	cr_assert_eq(grove_addrs_add_text(&wanted, own_name("registrar"), err), 0);
	cr_assert(grove_addrs_has(grove_actor_addrs(grove_actor_self()), &wanted.at[1]));
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	cr_assert(grove_addrs_has(grove_portal_addrs(portal), &wanted.at[0]));
	cr_assert_not(grove_addrs_has(grove_portal_addrs(help_start(&actors, "b")), &wanted.at[0]));
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_life, table_of_endpoints)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_free_ char *path = grove_format("%s/endpoints", help_folder());
	struct grove_root_opts opts = { .name = "root", .endpoints = path };
	int rc;

	_grove_free_ char *registrar = grove_strdup(own_name("registrar"));
	_grove_free_ char *table = grove_format("[registrar]\nbind = \"%s\"\n"
						"[actor.worker]\nbind = [\"%s\"]\n",
						registrar, own_name("listed"));
	write_table(path, table);
	rc = grove_actor_root(&help_program, &opts, listed, NULL, &err);
	cr_assert_eq(rc, 0, "%s", err.text);
	write_table(path, "[actor.worker]\nbind = \"somewhere\"\n");
	rc = grove_actor_root(&help_program, &opts, listed, NULL, &err);
	cr_assert_eq(rc, -EBADMSG, "%s", err.text);
	cr_assert(strstr(err.text, ":2:"), "%s", err.text);
	cr_assert_eq(unlink(path), 0);
	rc = grove_actor_root(&help_program, &opts, listed, NULL, &err);
	cr_assert_eq(rc, -ENOENT, "%s", err.text);
}
