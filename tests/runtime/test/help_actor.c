/* SPDX-License-Identifier: BSD-2-Clause */
/* help_actor.c - see help_actor.h. */
#include "runtime/test/help_actor.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>

#include "runtime/res/tty_lock.h"

/* ---- functions that actors run --------------------------------------------------------------- */

static int fn_double(struct grove_context *context, const struct grove_value *args,
		     struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	if (args->kind != GROVE_VALUE_INT)
		return grove_error_set(err, -EINVAL, "cannot double %s",
				       grove_value_kind_name(args->kind));
	*ret = grove_int(2 * args->i);
	return 0;
}

static int fn_echo(struct grove_context *context, const struct grove_value *args,
		   struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	(void)err;
	*ret = grove_value_copy(args);
	return 0;
}

static int fn_fail(struct grove_context *context, const struct grove_value *args,
		   struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	(void)ret;
	return grove_error_set(err, -ENOSPC, "no room for %s", grove_value_str(args, "it"));
}

/* Waits until it is cancelled; the args, when they are text, are the name of a file to leave. */
static int fn_forever(struct grove_context *context, const struct grove_value *args,
		      struct grove_value *ret, struct grove_error *err)
{
	const char *path = grove_value_str(args, NULL);
	int rc;

	(void)context;
	(void)ret;
	rc = grove_sleep_forever();
	if (path) {
		_grove_close_ int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		if (fd < 0)
			return grove_error_set(err, -errno, "%s: %m", path);
	}
	return rc;
}

/* Swallows its cancel. */
static int fn_stubborn(struct grove_context *context, const struct grove_value *args,
		       struct grove_value *ret, struct grove_error *err)
{
	struct grove_scope shield;

	(void)args;
	(void)ret;
	if (grove_context_started(context, grove_nil(), err) < 0)
		grove_error_clear(err); /* a plain call */
	grove_scope_enter_shielded(&shield, "stubborn", GROVE_NEVER);
	return grove_scope_exit(&shield, grove_sleep_forever(), err);
}

/* Blocks the whole loop, signals and all. */
static int fn_block(struct grove_context *context, const struct grove_value *args,
		    struct grove_value *ret, struct grove_error *err)
{
	sigset_t all;
	int rc = grove_context_started(context, grove_nil(), err);

	(void)args;
	(void)ret;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	while (rc == 0)
		pause();
	return rc;
}

static int fn_die(struct grove_context *context, const struct grove_value *args,
		  struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	(void)ret;
	(void)err;
	if (args->kind == GROVE_VALUE_INT)
		_exit((int)args->i);
	return kill(getpid(), SIGKILL) < 0 ? -errno : 0;
}

static int fn_pid(struct grove_context *context, const struct grove_value *args,
		  struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	(void)args;
	(void)err;
	*ret = grove_int(getpid());
	return 0;
}

/* Gives the squares of what it gets, and at the end how many there were. */
static int fn_squares(struct grove_context *context, const struct grove_value *args,
		      struct grove_value *ret, struct grove_error *err)
{
	int64_t count = 0;
	int rc = grove_context_started(context, grove_value_copy(args), err);

	while (rc == 0) {
		_grove_value_ struct grove_value item = grove_nil();

		rc = grove_context_recv(context, &item, err);
		if (rc == 0)
			rc = grove_context_send(context, grove_int(item.i * item.i), err);
		if (rc == 0)
			count++;
	}
	*ret = grove_int(count);
	return rc == -EPIPE ? 0 : rc;
}

/* Sends without end; the number of what could be sent is seen by nobody but the window. */
static int fn_flood(struct grove_context *context, const struct grove_value *args,
		    struct grove_value *ret, struct grove_error *err)
{
	int rc = grove_context_started(context, grove_nil(), err);

	(void)args;
	(void)ret;
	for (int64_t i = 0; rc == 0; i++)
		rc = grove_context_send(context, grove_int(i), err);
	return rc;
}

/* Starts one actor below, called as the args say, opens "stubborn" or "forever" there; tells its
 * pid when it is up, and waits. */
static int fn_parent(struct grove_context *context, const struct grove_value *args,
		     struct grove_value *ret, struct grove_error *err)
{
	bool stubborn = grove_value_bool(args, false);
	struct grove_context *below = NULL;
	struct grove_actors actors;
	struct grove_portal *portal;
	int rc;

	(void)ret;
	grove_actors_open(&actors, "below");
	rc = grove_actors_start(&actors, &(struct grove_start_opts){ .name = "grandchild" },
				&portal, err);
	if (rc == 0)
		rc = grove_portal_open(portal, stubborn ? "stubborn" : "flood", grove_nil(), &below,
				       err);
	if (rc == 0)
		rc = grove_context_started(context, grove_int(grove_actors_pid(&actors, portal)),
					   err);
	if (rc == 0)
		rc = grove_sleep_forever();
	if (below)
		rc = grove_context_close(below, rc, NULL, err);
	return grove_actors_exit(&actors, rc, err);
}

static const struct grove_func funcs[] = {
	{ "double", fn_double },   { "echo", fn_echo },	    { "fail", fn_fail },
	{ "forever", fn_forever }, { "block", fn_block },   { "stubborn", fn_stubborn },
	{ "die", fn_die },	   { "pid", fn_pid },	    { "squares", fn_squares },
	{ "flood", fn_flood },	   { "parent", fn_parent }, HELP_RES_FUNCS,
	GROVE_TTY_FUNCS,	   { NULL, NULL },
};

const struct grove_program help_program = {
	.name = "grove-test",
	.funcs = funcs,
	.backends = grove_backends,
};

/* Actors that are processes start this program again; then it is no test. */
__attribute__((constructor)) static void enter(int argc, char **argv, char **env)
{
	int code;

	(void)env;
	if (grove_program_enter(&help_program, argc, argv, &code))
		exit(code);
}

/* ---- what is left ---------------------------------------------------------------------------- */

bool help_process_lives(pid_t pid)
{
	char path[64], line[512] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) <= 0)
		return false;
	const char *end = strrchr(line, ')');
	return end && end[2] != 'Z';
}

bool help_wait_dead(pid_t pid)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;

	while (help_process_lives(pid) && grove_now_ns() < end_ns)
		usleep(2000);
	return !help_process_lives(pid);
}

/* ---- runs ------------------------------------------------------------------------------------ */

bool help_has_pidfds(void)
{
	_grove_close_ int pidfd = grove_pidfd_open(getpid());

	return pidfd != -ENOSYS;
}

/* How an actor is made and how bytes travel have nothing to do with each other; where everything
 * takes fifty times as long, the second transport is shown with one backend only. */
static int transports(const struct help_case *what, size_t backend)
{
	if (what->one_transport)
		return 1;
	if (help_has_pidfds() || backend == 0)
		return 2;
	cr_log_info("%s: not on %s over TCP: too slow under valgrind\n", what->name,
		    grove_backends[backend]->name);
	return 1;
}

static const char *why_skipped(const struct help_case *what, const struct grove_backend *backend)
{
	for (const struct help_skip *skip = what->skip; skip && skip->backend; skip++)
		if (strcmp(skip->backend, backend->name) == 0)
			return skip->reason;
	if (what->only && strcmp(what->only, backend->name) != 0)
		return "it is about another backend";
	if (what->pidfd && !help_has_pidfds())
		return "no pidfd_open(2) here (valgrind before 3.21)";
	return backend->refuses ? backend->refuses() : NULL;
}

static void run_once(const struct help_case *what, struct help_run *run)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_root_opts opts = { .name = "root", .backend = run->backend, .tcp = run->tcp };
	const char *left;
	char where[128];
	int rc;

	snprintf(where, sizeof(where), "%s, %s, %s", what->name, run->backend,
		 run->tcp ? "tcp" : "unix");
	opts.grace_ns = what->grace_ns;
	/* who is late is killed, but a thread is abandoned, which is a failure */
	if (run->hosted && !what->grace_ns)
		opts.grace_ns = HELP_LONG;
	rc = grove_actor_root(&help_program, &opts, what->body, run, &err);
	cr_assert_eq(rc, what->expect, "%s: %d, %s", where, rc, err.text);
	left = help_left(HELP_ALL | (what->orphans ? HELP_ORPHANS : 0), HELP_LONG);
	cr_assert_null(left, "%s: %s", where, left);
}

void help_on_all(struct help_case what)
{
	for (size_t i = 0; grove_backends[i]; i++) {
		const char *reason = why_skipped(&what, grove_backends[i]);

		if (reason) {
			cr_log_info("%s: not on %s: %s\n", what.name, grove_backends[i]->name,
				    reason);
			continue;
		}
		for (int tcp = 0, count = transports(&what, i); tcp < count; tcp++) {
			struct help_run run = { .backend = grove_backends[i]->name,
						.tcp = tcp,
						.hosted = grove_backends[i]->hosted };

			run_once(&what, &run);
		}
	}
}

struct grove_portal *help_start(struct grove_actors *actors, const char *name)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_portal *portal = NULL;
	int rc = grove_actors_start(actors, &(struct grove_start_opts){ .name = name }, &portal,
				    &err);

	cr_assert_eq(rc, 0, "start %s: %s", name, err.text);
	return portal;
}

void help_expect_alive(struct grove_portal *portal)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_value_ struct grove_value value = grove_nil();
	int rc = grove_portal_run(portal, "double", grove_int(21), &value, &err);

	cr_assert_eq(rc, 0, "%s", err.text);
	cr_assert_eq(value.i, 42);
}
