/* SPDX-License-Identifier: BSD-2-Clause */
/* test_actor_find.c - the registrar: actors are found by name, and forgotten when they are gone. */
#include "runtime/test/help_actor.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "runtime/actor/channel.h"
#include "runtime/core/loop.h"

TestSuite(actor_find, .init = help_begin, .fini = help_end);

static int find_and_forget(void *arg, struct grove_error *err)
{
	struct grove_portal *portal, *found;
	_grove_msg_ struct grove_msg all = { .kind = GROVE_MSG_NONE };
	struct grove_actors actors;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	cr_assert_eq(grove_find_actor("worker", &found, err), -ENOENT);
	cr_assert(strstr(err->text, "worker"), "%s", err->text);
	grove_error_clear(err);
	portal = help_start(&actors, "worker");
	rc = grove_find_actor("worker", &found, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	cr_assert(grove_uid_equal(grove_portal_uid(portal), grove_portal_uid(found)));
	help_expect_alive(found);
	grove_portal_free(found);
	cr_assert_eq(grove_query_actors(&all, err), 0);
	cr_assert_eq(all.entry_count, 2, "the root and the worker");
	cr_assert_eq(grove_actors_end(&actors, portal, "done"), 0);
	cr_assert_eq(grove_find_actor("worker", &found, err), -ENOENT);
	grove_error_clear(err);
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_find, found_while_it_lives)
{
	help_on_all((struct help_case){ .name = "find_and_forget", .body = find_and_forget });
}

static int waiter(void *arg, struct grove_error *err)
{
	struct grove_portal *found;
	int rc = grove_wait_actor("late", &found, err);

	if (rc < 0)
		return rc;
	help_expect_alive(found);
	grove_portal_free(found);
	*(int *)arg += 1;
	return 0;
}

static int wait_for(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;
	struct grove_actors actors;
	int found = 0;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	grove_nursery_open(&nursery, "waiters");
	for (int i = 0; i < 3; i++)
		grove_spawn(&nursery, "waiter", waiter, &found);
	help_start(&actors, "early");
	cr_assert_eq(found, 0);
	help_start(&actors, "late");
	rc = grove_nursery_exit(&nursery, 0, err);
	cr_assert_eq(found, 3);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, rc, err);
}

Test(actor_find, waited_for)
{
	help_on_all((struct help_case){ .name = "wait_for", .body = wait_for });
}

static int not_unique(void *arg, struct grove_error *err)
{
	struct grove_portal *found, *one;
	struct grove_actors actors;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	one = help_start(&actors, "twin");
	help_start(&actors, "twin");
	rc = grove_find_actor("twin", &found, err);
	cr_assert_eq(rc, -ENOTUNIQ, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "2 actors"), "%s", err->text);
	grove_error_clear(err);
	cr_assert_eq(grove_actors_end(&actors, one, "one is enough"), 0);
	rc = grove_find_actor("twin", &found, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	grove_portal_free(found);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_find, one_name_twice)
{
	help_on_all((struct help_case){ .name = "not_unique", .body = not_unique });
}

/* Tell the registrar that somebody listens where nobody does. */
static void register_ghost(const char *address)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_channel_ struct grove_channel *channel = NULL;
	_grove_msg_ struct grove_msg hello = { .kind = GROVE_MSG_HELLO, .version = 1 };
	_grove_msg_ struct grove_msg msg = { .kind = GROVE_MSG_REGISTER, .cid = 1 };
	_grove_msg_ struct grove_msg ack = { .kind = GROVE_MSG_NONE };
	const struct grove_addrs *root = grove_actor_addrs(grove_actor_self());
	int rc = grove_channel_connect(&root->at[0], GROVE_NEVER, grove_system_nursery(), &channel,
				       &err);

	cr_assert_eq(rc, 0, "%s", err.text);
	cr_assert_eq(grove_uid_new(&hello.uid, "medium", &err), 0);
	cr_assert_eq(grove_channel_hello(channel, &hello, true, &err), 0, "%s", err.text);
	cr_assert_eq(grove_uid_new(&msg.uid, "ghost", &err), 0);
	cr_assert_eq(grove_addrs_add_text(&msg.addrs, address, &err), 0);
	cr_assert_eq(grove_channel_send(channel, &msg, &err), 0);
	cr_assert_eq(grove_channel_recv(channel, &ack, &err), 0, "%s", err.text);
	cr_assert_eq(ack.kind, GROVE_MSG_ACK);
}

static int stale(void *arg, struct grove_error *err)
{
	static const char *const nowhere[] = { "/unix/nowhere/at/all", "/ip4/127.0.0.1/tcp/1" };
	struct grove_portal *found;

	(void)arg;
	for (size_t i = 0; i < 2; i++) {
		_grove_msg_ struct grove_msg all = { .kind = GROVE_MSG_NONE };
		_grove_msg_ struct grove_msg less = { .kind = GROVE_MSG_NONE };

		register_ghost(nowhere[i]);
		cr_assert_eq(grove_query_actors(&all, err), 0);
		cr_assert_eq(all.entry_count, 2);
		cr_assert_eq(grove_find_actor("ghost", &found, err), -ENOENT, "%s", err->text);
		grove_error_clear(err);
		cr_assert_eq(grove_query_actors(&less, err), 0);
		cr_assert_eq(less.entry_count, 1, "the stale entry is gone");
	}
	return 0;
}

Test(actor_find, stale_entries_are_removed)
{
	help_on_all((struct help_case){ .name = "stale", .body = stale });
}

static int killed(void *arg, struct grove_error *err)
{
	struct grove_portal *portal, *found;
	struct grove_actors actors;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	cr_assert_eq(kill(grove_actors_pid(&actors, portal), SIGKILL), 0);
	rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(rc, -ECHILD, "%s", err->text);
	grove_error_clear(err);
	cr_assert_eq(grove_find_actor("worker", &found, err), -ENOENT, "%s", err->text);
	grove_error_clear(err);
	return 0;
}

static const struct help_skip own_process[] = {
	{ "subint_legacy", "a thread cannot be killed" },
	{ "subint_isolated", "a thread cannot be killed" },
	{ NULL, NULL },
};

Test(actor_find, killed_actor_is_forgotten)
{
	help_on_all((struct help_case){ .name = "killed", .body = killed, .skip = own_process });
}

/* Two roots, the second in a process of its own: the first is the registrar of both. */
static int second_root(void *arg, struct grove_error *err)
{
	struct grove_portal *found;
	int rc = grove_find_actor("first", &found, err);

	(void)arg;
	if (rc < 0)
		return rc;
	cr_assert_eq(grove_registrar_addrs()->count, 1);
	grove_portal_free(found);
	return 0;
}

static int first_root(void *arg, struct grove_error *err)
{
	const struct grove_addrs *own = grove_actor_addrs(grove_actor_self());
	struct grove_root_opts opts = { .name = "second", .registrars = own };
	int status, rc;
	pid_t pid;

	(void)arg;
	pid = grove_fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		rc = grove_actor_root(&help_program, &opts, second_root, NULL, err);

		if (rc < 0)
			fprintf(stderr, "second root: %s\n", err->text);
		_exit(rc == 0 ? 0 : 1);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		cr_assert_eq(grove_sleep(2 * GROVE_MS), 0);
	cr_assert_eq(status, 0);
	return 0;
}

Test(actor_find, registrar_of_another_tree)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_addrs_ struct grove_addrs at = GROVE_ADDRS_INIT;
	struct grove_root_opts opts = { .name = "first", .tcp = true, .registrars = &at };

	/* nobody answers there, so this root is the registrar and listens there */
	cr_assert_eq(grove_addrs_add_text(&at, "/ip4/127.0.0.1/tcp/0", &err), 0);
	int rc = grove_actor_root(&help_program, &opts, first_root, NULL, &err);
	cr_assert_eq(rc, 0, "%s", err.text);
}
