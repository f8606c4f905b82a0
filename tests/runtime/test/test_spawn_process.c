/* SPDX-License-Identifier: BSD-2-Clause */
/* test_spawn_process.c - what is special about each backend that makes processes. */
#include "runtime/test/help_actor.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/spawn/defects.h"

TestSuite(spawn_process, .init = help_begin, .fini = help_end);

static const struct help_skip hosted[] = {
	{ "subint_legacy", "the actor has no process of its own" },
	{ "subint_isolated", "the actor has no process of its own" },
	{ NULL, NULL },
};

static pid_t parent_of(pid_t pid)
{
	char path[64], text[512] = "";
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	const char *rest = strrchr(text, ')');
	return rest && sscanf(rest, ") %*c %d", &parent) == 1 ? parent : 0;
}

/* A child of ours that has this name and lives; 0: there is none. */
static pid_t find_child(const char *wanted)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;
	char name[32];

	cr_assert_not_null(proc, "%m");
	while (!found && (entry = readdir(proc))) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid <= 0 || parent_of(pid) != getpid() || !help_process_lives(pid))
			continue;
		help_comm(pid, name);
		if (strcmp(name, wanted) == 0)
			found = pid;
	}
	closedir(proc);
	return found;
}

static struct grove_portal *start_by(struct grove_actors *actors, const char *backend,
				     const char *name)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_start_opts opts = { .name = name, .backend = backend };
	struct grove_portal *portal = NULL;
	int rc = grove_actors_start(actors, &opts, &portal, &err);

	cr_assert_eq(rc, 0, "start %s: %s", name, err.text);
	return portal;
}

static void kill_and_await(pid_t pid)
{
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert(help_wait_dead(pid));
}

/* ---- what a child has of its parent ---------------------------------------------------------- */

static int inherits(void *arg, struct grove_error *err)
{
	struct grove_portal *portal;
	struct grove_actors actors;
	int ends[2];

	(void)arg;
	/* one that survives exec, too */
	cr_assert_eq(pipe(ends), 0);
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	close(ends[1]);
	struct pollfd item = { .fd = ends[0], .events = POLLIN };
	cr_assert_eq(poll(&item, 1, (int)(HELP_LONG / GROVE_MS)), 1, "it holds the pipe open");
	cr_assert(item.revents & POLLHUP);
	close(ends[0]);
	help_expect_alive(portal);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(spawn_process, no_descriptor_is_inherited)
{
	help_on_all((struct help_case){ .name = "inherits", .body = inherits, .skip = hosted });
}

static int keeps(void *arg, struct grove_error *err)
{
	struct grove_portal *portal;
	struct grove_actors actors;
	char byte;
	int ends[2];

	(void)arg;
	cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	grove_actors_open(&actors, "actors");
	grove_spawn_defects()->fork_keeps_fds = true;
	portal = help_start(&actors, "worker");
	grove_spawn_defects()->fork_keeps_fds = false;
	close(ends[1]);
	help_expect_alive(portal);
	cr_assert_eq(read(ends[0], &byte, 1), -1);
	cr_assert_eq(errno, EAGAIN, "%m"); /* no end: the child has a copy */
	cr_assert_eq(grove_actors_end(&actors, portal, "done"), 0);
	cr_assert_eq(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	return grove_actors_exit(&actors, 0, err);
}

Test(spawn_process, defect_of_a_fork_that_keeps_descriptors)
{
	help_on_all(
		(struct help_case){ .name = "keeps", .body = keeps, .only = "subint_forkserver" });
}

static int named(void *arg, struct grove_error *err)
{
	struct help_run *run = arg;
	bool forked = strstr(run->backend, "forkserver") != NULL;
	struct grove_actors actors;
	char name[32];

	grove_actors_open(&actors, "actors");
	help_comm(grove_actors_pid(&actors, help_start(&actors, "worker")), name);
	cr_assert_eq(strcmp(name, "fork:worker") == 0, forked, "%s: %s", run->backend, name);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(spawn_process, ps_shows_who_was_forked)
{
	help_on_all((struct help_case){ .name = "named", .body = named, .skip = hosted });
}

/* ---- the fork server ------------------------------------------------------------------------- */

/* It has answered, so it has its name. */
static pid_t find_server(void)
{
	pid_t pid = find_child("grove-forksrv");

	cr_assert_gt(pid, 0);
	return pid;
}

static int replaced(void *arg, struct grove_error *err)
{
	struct grove_portal *before, *after;
	struct grove_actors actors;
	pid_t server;

	(void)arg;
	grove_actors_open(&actors, "actors");
	before = help_start(&actors, "before");
	server = find_server();
	cr_assert_eq(parent_of(grove_actors_pid(&actors, before)), server);
	/* what a terminal sends to all is not for the server */
	cr_assert_eq(kill(server, SIGINT), 0);
	help_start(&actors, "second");
	cr_assert_eq(find_server(), server);
	kill_and_await(server);
	help_expect_alive(before);
	after = help_start(&actors, "after");
	cr_assert_neq(find_server(), server);
	help_expect_alive(before);
	help_expect_alive(after);
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

Test(spawn_process, dead_fork_server_is_replaced)
{
	help_on_all((struct help_case){
		.name = "replaced", .body = replaced, .only = "mp_forkserver", .orphans = true });
}

static int end_unknown(void *arg, struct grove_error *err)
{
	struct grove_portal *portal;
	struct grove_actors actors;
	int rc;

	(void)arg;
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	kill_and_await(find_server());
	cr_assert_eq(kill(grove_actors_pid(&actors, portal), SIGKILL), 0);
	rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(rc, -ECHILD, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "nobody knows how"), "%s", err->text);
	grove_error_clear(err);
	return 0;
}

Test(spawn_process, end_that_nobody_can_tell)
{
	help_on_all((struct help_case){ .name = "end_unknown",
					.body = end_unknown,
					.only = "mp_forkserver",
					.orphans = true });
}

/* After all that, a server forks one more, and the actors end. */
static int start_next(struct grove_actors *actors, struct grove_error *err)
{
	help_expect_alive(help_start(actors, "next"));
	grove_actors_cancel(actors, "done");
	return grove_actors_exit(actors, 0, err);
}

/* A task that asks a server that is stopped. */
struct asking {
	struct grove_actors actors;
	struct grove_nursery nursery;
	pid_t server;
	struct grove_error err; /* of its start */
	int rc;			/* 1: it is not over */
};

static int ask(void *arg, struct grove_error *err)
{
	struct asking *asking = arg;
	struct grove_portal *portal;

	asking->rc = grove_actors_start(&asking->actors,
					&(struct grove_start_opts){ .name = "late" }, &portal,
					&asking->err);
	return asking->rc == -ECANCELED ? grove_error_set(err, -ECANCELED, "late") : 0;
}

/* It waits for the answer when this returns. */
static void ask_stopped(struct asking *asking)
{
	*asking = (struct asking){ .rc = 1 };
	grove_actors_open(&asking->actors, "actors");
	help_start(&asking->actors, "worker");
	asking->server = find_server();
	grove_nursery_open(&asking->nursery, "asking");
	cr_assert_eq(kill(asking->server, SIGSTOP), 0);
	grove_spawn(&asking->nursery, "ask", ask, asking);
	for (int turn = 0; turn < 100; turn++)
		cr_assert_eq(grove_checkpoint(), 0);
	cr_assert_eq(asking->rc, 1);
}

/* What its start has given. asking->err is to be cleared. */
static void expect_answer(struct asking *asking, int expect, struct grove_error *err)
{
	int rc = grove_nursery_exit(&asking->nursery, 0, err);

	cr_assert_eq(rc, 0, "%s", err->text);
	cr_assert_eq(asking->rc, expect, "%d: %s", asking->rc, asking->err.text);
}

static int unanswered(void *arg, struct grove_error *err)
{
	struct asking asking;

	(void)arg;
	ask_stopped(&asking);
	cr_assert_eq(kill(asking.server, SIGKILL), 0);
	expect_answer(&asking, -EPIPE, err);
	cr_assert(strstr(asking.err.text, "fork server") && strstr(asking.err.text, "answered"),
		  "%s", asking.err.text);
	grove_error_clear(&asking.err);
	return start_next(&asking.actors, err);
}

Test(spawn_process, fork_server_dies_before_it_answers)
{
	help_on_all((struct help_case){ .name = "unanswered",
					.body = unanswered,
					.only = "mp_forkserver",
					.orphans = true });
}

static int given_up(void *arg, struct grove_error *err)
{
	struct asking asking;

	(void)arg;
	ask_stopped(&asking);
	grove_nursery_cancel(&asking.nursery, "not needed any more");
	expect_answer(&asking, -ECANCELED, err);
	grove_error_clear(&asking.err);
	/* the server forks for nobody now, and sees that: the end waits for it to have none left */
	cr_assert_eq(kill(asking.server, SIGCONT), 0);
	return start_next(&asking.actors, err);
}

Test(spawn_process, request_that_was_given_up_leaves_no_child)
{
	help_on_all((struct help_case){
		.name = "given_up", .body = given_up, .only = "mp_forkserver" });
}

static int never_answered(void *arg, struct grove_error *err)
{
	struct grove_spawn_defects *defects = grove_spawn_defects();
	struct grove_portal *portal;
	struct grove_actors actors;
	struct grove_scope scope;
	int rc;

	(void)arg;
	defects->server_kept_open = defects->server_unwatched = true;
	grove_actors_open(&actors, "actors");
	help_start(&actors, "worker");
	kill_and_await(find_server());
	grove_move_on_after(&scope, 300 * GROVE_MS);
	rc = grove_actors_start(&actors, &(struct grove_start_opts){ .name = "lost" }, &portal,
				err);
	cr_assert_eq(rc, -ECANCELED, "%d: %s", rc, err->text);
	cr_assert_eq(grove_scope_exit(&scope, rc, err), 0);
	cr_assert(scope.caught);
	defects->server_kept_open = defects->server_unwatched = false;
	return start_next(&actors, err);
}

Test(spawn_process, defect_of_a_dead_fork_server)
{
	help_on_all((struct help_case){ .name = "never_answered",
					.body = never_answered,
					.only = "mp_forkserver",
					.orphans = true });
}

/* ---- the resource tracker -------------------------------------------------------------------- */

struct massacre {
	const char *backend;
	bool tracker_first; /* the first tracker dies before */
};

/* A tree of three that dies at once: nobody can tidy up. */
static int die_together(void *arg, struct grove_error *err)
{
	const struct massacre *massacre = arg;
	struct grove_actors actors;
	pid_t one, two, tracker;

	(void)err;
	grove_actors_open(&actors, "actors");
	one = grove_actors_pid(&actors, start_by(&actors, massacre->backend, "one"));
	if (massacre->tracker_first) {
		do /* it gives itself the name */
			tracker = find_child("grove-tracker");
		while (tracker == 0);
		kill_and_await(tracker);
	}
	two = grove_actors_pid(&actors, start_by(&actors, massacre->backend, "two"));
	kill(one, SIGSTOP);
	kill(two, SIGSTOP);
	kill(one, SIGKILL);
	kill(two, SIGKILL);
	return kill(getpid(), SIGKILL);
}

/*
 * Remove what is in `dir` and the folders below, and `dir`. How many files and folders that were.
 */
static size_t remove_all(const char *dir, int depth)
{
	DIR *open = opendir(dir);
	struct dirent *entry;
	size_t count = 1;

	cr_assert_not_null(open, "%s: %m", dir);
	while ((entry = readdir(open))) {
		if (entry->d_name[0] == '.')
			continue;
		_grove_free_ char *path = grove_format("%s/%s", dir, entry->d_name);
		count += depth > 0 ? remove_all(path, depth - 1) : (size_t)(unlink(path) == 0);
	}
	closedir(open);
	cr_assert_eq(rmdir(dir), 0, "%s: %m", dir);
	return count;
}

/* How many sockets and folders such a tree leaves. */
static size_t leftovers(const struct massacre *massacre)
{
	_grove_free_ char *dir = grove_format("%s/d", help_folder());
	pid_t pid;

	cr_assert_eq(mkdir(dir, 0700), 0);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		grove_actor_root(&help_program, NULL, die_together, (void *)massacre, NULL);
		_exit(1);
	}
	while (waitpid(-1, NULL, 0) > 0)
		; /* the tracker is ours by now, and the last */
	cr_assert_eq(errno, ECHILD);
	return remove_all(dir, 1) - 1;
}

Test(spawn_process, tracker_removes_what_is_left)
{
	struct massacre massacre = { .backend = "mp_spawn" };

	cr_assert_eq(leftovers(&massacre), 0);
	/* and there is something to remove: without one, the folder and three sockets stay */
	massacre.backend = "exec";
	cr_assert_eq(leftovers(&massacre), 4);
}

Test(spawn_process, tracker_that_is_killed_is_replaced)
{
	struct massacre massacre = { .backend = "mp_spawn", .tracker_first = true };

	/* the second one knows the files of the root and of those started with it, not those of
	 * actors that talk to the dead one: a socket, and the folder that it is in */
	cr_assert_eq(leftovers(&massacre), 2);
}
