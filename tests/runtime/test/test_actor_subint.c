/* SPDX-License-Identifier: BSD-2-Clause */
/* test_actor_subint.c - actors on threads of one process: what they share, and what they do not. */
#include "runtime/test/help_actor.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>

#include "runtime/core/loop.h"
#include "runtime/core/thread.h"
#include "runtime/test/help_core.h"
#include "runtime/test/help_read.h"

TestSuite(actor_subint, .init = help_begin, .fini = help_end);

/* ---- functions that the actors run -----------------------------------------------------------
 */

static atomic_bool let_go;
static atomic_int inside, most, holding;

/* Swallows its cancel, until it is let go. */
static int fn_hold(struct grove_context *context, const struct grove_value *args,
		   struct grove_value *ret, struct grove_error *err)
{
	struct grove_scope shield;
	int rc = grove_context_started(context, grove_nil(), err);

	(void)args;
	(void)ret;
	grove_scope_enter_shielded(&shield, "hold", GROVE_NEVER);
	while (rc == 0 && !atomic_load(&let_go))
		rc = grove_sleep(2 * GROVE_MS);
	return grove_scope_exit(&shield, rc, err);
}

/* Has an actor below it that holds. */
static int fn_above(struct grove_context *context, const struct grove_value *args,
		    struct grove_value *ret, struct grove_error *err)
{
	struct grove_context *below = NULL;
	struct grove_actors actors;
	struct grove_portal *portal;

	(void)args;
	(void)ret;
	grove_actors_open(&actors, "below");
	int rc = grove_actors_start(&actors, &(struct grove_start_opts){ .name = "leaf" }, &portal,
				    err);
	if (rc == 0)
		rc = grove_portal_open(portal, "hold", grove_nil(), &below, err);
	if (rc == 0)
		rc = grove_context_started(context, grove_nil(), err);
	if (rc == 0)
		rc = grove_sleep_forever();
	if (below)
		rc = grove_context_close(below, rc, NULL, err);
	return grove_actors_exit(&actors, rc, err);
}

/* Notes how many are between two checkpoints at a time. */
static int fn_count(struct grove_context *context, const struct grove_value *args,
		    struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	(void)args;
	(void)ret;
	(void)err;
	for (int i = 0; i < 100; i++) {
		int now = atomic_fetch_add(&inside, 1) + 1;

		if (now > atomic_load(&most))
			atomic_store(&most, now);
		usleep(50);
		atomic_fetch_sub(&inside, 1);
		grove_yield();
	}
	return 0;
}

/* Blocks its loop until another one does. */
static int fn_meet(struct grove_context *context, const struct grove_value *args,
		   struct grove_value *ret, struct grove_error *err)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;

	(void)context;
	(void)args;
	(void)ret;
	atomic_fetch_add(&inside, 1);
	while (atomic_load(&inside) < 2) {
		if (grove_now_ns() > end_ns)
			return grove_error_set(err, -ETIMEDOUT, "nobody came");
		usleep(200);
	}
	return 0;
}

/* Blocks its loop until it is let go. */
static int fn_block(struct grove_context *context, const struct grove_value *args,
		    struct grove_value *ret, struct grove_error *err)
{
	(void)context;
	(void)args;
	(void)ret;
	(void)err;
	atomic_store(&holding, 1);
	while (!atomic_load(&let_go))
		usleep(200);
	return 0;
}

static const struct grove_func funcs[] = {
	{ "hold", fn_hold }, { "above", fn_above }, { "count", fn_count },
	{ "meet", fn_meet }, { "block", fn_block }, { NULL, NULL },
};

static const struct grove_program program = {
	.name = "subint-test",
	.funcs = funcs,
	.backends = grove_backends,
};

/* ---- runs ------------------------------------------------------------------------------------
 */

static const char *const hosted[] = { "subint_legacy", "subint_isolated" };

static bool has_thread(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d", (int)tid);
	return access(path, F_OK) == 0;
}

/* A joined thread stands in /proc for a moment after it told its end. */
static bool wait_no_thread(pid_t tid)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;

	while (has_thread(tid) && grove_now_ns() < end_ns)
		usleep(1000);
	return !has_thread(tid);
}

/* With a grace that is never over by chance, or a short one where it shall be over. */
enum { PATIENT_MS = 20000, USUAL_MS = 500, SHORT_MS = 50 };

static void run_with(int grace_ms, const char *backend, grove_task_fn *body, void *arg)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	const struct grove_root_opts opts = { .name = "root",
					      .backend = backend,
					      .grace_ns = grace_ms * GROVE_MS };
	int rc = grove_actor_root(&program, &opts, body, arg, &err);

	cr_assert_eq(rc, 0, "%s: %d, %s", backend, rc, err.text);
}

static void run_on(const char *backend, grove_task_fn *body, void *arg)
{
	run_with(PATIENT_MS, backend, body, arg);
}

static int run_in_each(struct grove_actors *actors, const char *func, int count,
		       struct grove_error *err)
{
	int rc = 0;

	for (int i = 0; i < count && rc == 0; i++) {
		char name[24];
		struct grove_start_opts opts = { .name = name, .func = func };

		snprintf(name, sizeof(name), "worker%d", i);
		rc = grove_actors_run(actors, &opts, NULL, err);
	}
	return rc;
}

/* ---- threads and loops -----------------------------------------------------------------------
 */

static void expect_comm(pid_t tid, const char *wanted)
{
	char path[64], comm[32] = "";

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", (int)tid);
	FILE *file = fopen(path, "re");
	cr_assert_not_null(file, "%s: %m", path);
	cr_assert_not_null(fgets(comm, sizeof(comm), file));
	fclose(file);
	comm[strcspn(comm, "\n")] = 0;
	cr_assert_str_eq(comm, wanted);
}

static int named(void *arg, struct grove_error *err)
{
	struct grove_portal *one, *two;
	struct grove_actors actors;
	pid_t tids[2];

	(void)arg;
	grove_actors_open(&actors, "actors");
	one = help_start(&actors, "worker");
	two = help_start(&actors, "root.somewhere.below.2.1");
	tids[0] = grove_actors_tid(&actors, one);
	tids[1] = grove_actors_tid(&actors, two);
	cr_assert_eq(grove_actors_pid(&actors, one), getpid());
	expect_comm(tids[0], "worker");
	expect_comm(tids[1], "~here.below.2.1");
	grove_actors_cancel(&actors, "done");
	int rc = grove_actors_exit(&actors, 0, err);
	cr_assert(wait_no_thread(tids[0]) && wait_no_thread(tids[1]));
	return rc;
}

Test(actor_subint, threads_have_the_names_of_their_actors)
{
	for (size_t i = 0; i < 2; i++)
		run_on(hosted[i], named, NULL);
}

/* The loop of this name, 0: there is none. */
static uint64_t loop_named(const struct snag_rt *t, const char *name)
{
	char is[256];
	uint64_t loop = read_next(t->loops.address, &t->loop_list, 0);

	for (; loop; loop = read_next(t->loops.address, &t->loop_list, loop)) {
		read_text(loop, t->loop.name, is);
		if (strcmp(is, name) == 0)
			return loop;
	}
	return 0;
}

static int listed(void *arg, struct grove_error *err)
{
	static const char *const names[] = { "one", "two" };
	struct grove_actors actors;
	struct snag_rt table;

	(void)arg;
	read_table(&table);
	grove_actors_open(&actors, "actors");
	for (size_t i = 0; i < 2; i++) {
		struct grove_portal *portal = help_start(&actors, names[i]);
		uint64_t loop = loop_named(&table, names[i]);

		cr_assert_neq(loop, 0, "no loop %s", names[i]);
		cr_assert_eq(read_number(loop, table.loop.tid),
			     (uint64_t)grove_actors_tid(&actors, portal));
		cr_assert_neq(read_task(&table, loop, "main"), 0);
	}
	uint64_t root = loop_named(&table, "root");
	cr_assert_neq(root, 0);
	cr_assert_eq(read_number(root, table.loop.tid), (uint64_t)gettid());
	grove_actors_cancel(&actors, "done");
	int rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(loop_named(&table, "one"), 0);
	cr_assert_eq(read_next(table.loops.address, &table.loop_list, root), 0);
	return rc;
}

Test(actor_subint, the_descriptor_lists_every_loop)
{
	for (size_t i = 0; i < 2; i++)
		run_on(hosted[i], listed, NULL);
}

/* ---- the lock --------------------------------------------------------------------------------
 */

static int in_each(void *func, struct grove_error *err)
{
	struct grove_actors actors;

	grove_actors_open(&actors, "actors");
	return grove_actors_exit(&actors, run_in_each(&actors, func, 4, err), err);
}

Test(actor_subint, legacy_interpreters_take_turns)
{
	run_on("subint_legacy", in_each, "count");
	cr_assert_eq(atomic_load(&most), 1);
}

Test(actor_subint, isolated_interpreters_run_at_once)
{
	run_on("subint_isolated", in_each, "meet");
}

static int run_in_child(void *arg, struct grove_error *err)
{
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	(void)help_start(&actors, "worker");
	grove_actors_cancel(&actors, "done");
	return grove_actors_exit(&actors, 0, err);
}

/* In a worker thread: fork while an interpreter has the lock. */
static int fork_now(void *arg, struct grove_error *err)
{
	int status = -1;

	(void)arg;
	while (!atomic_load(&holding))
		usleep(200);
	pid_t pid = grove_fork();
	if (pid == 0) {
		const struct grove_root_opts opts = { .name = "forked",
						      .backend = "subint_legacy",
						      .grace_ns = PATIENT_MS * GROVE_MS };
		int rc = grove_actor_root(&program, &opts, run_in_child, NULL, err);

		/* another program: what threads of the parent had in memory is lost here */
		if (rc == 0)
			execl("/bin/true", "true", NULL);
		fprintf(stderr, "in the child: %s\n", rc < 0 ? err->text : strerror(errno));
		_exit(1);
	}
	atomic_store(&let_go, true);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return grove_error_set(err, -ECHILD, "process %d: status %d", (int)pid, status);
	return 0;
}

static int fork_task(void *arg, struct grove_error *err)
{
	return grove_to_thread("forks", fork_now, arg, NULL, err);
}

static int forked(void *arg, struct grove_error *err)
{
	struct grove_actors actors;

	grove_actors_open(&actors, "actors");
	grove_spawn(&actors.nursery, "forks", fork_task, arg);
	return grove_actors_exit(&actors, run_in_each(&actors, "block", 1, err), err);
}

Test(actor_subint, a_forked_child_finds_the_lock_free)
{
	run_on("subint_legacy", forked, NULL);
}

/* ---- what cannot be killed -------------------------------------------------------------------
 */

static int abandon(void *arg, struct grove_error *err)
{
	struct grove_context *context;
	struct grove_portal *portal;
	struct grove_actors actors;

	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "worker");
	int rc = grove_portal_open(portal, "hold", grove_nil(), &context, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	*(pid_t *)arg = grove_actors_tid(&actors, portal);
	cr_assert_eq(grove_actors_end(&actors, portal, "the end"), -EBUSY);
	rc = grove_context_close(context, 0, NULL, NULL);
	cr_assert_lt(rc, 0);
	rc = grove_actors_exit(&actors, 0, err);
	cr_assert_eq(rc, -EBUSY, "%d: %s", rc, err->text);
	cr_assert(strstr(err->text, "worker.") && strstr(err->text, "abandoned"), "%s", err->text);
	cr_assert(has_thread(*(pid_t *)arg));
	grove_error_clear(err);
	return 0;
}

Test(actor_subint, who_does_not_end_is_abandoned)
{
	for (size_t i = 0; i < 2; i++) {
		int fds = core_entries("/proc/self/fd");
		pid_t tid = 0;

		atomic_store(&let_go, false);
		run_with(SHORT_MS, hosted[i], abandon, &tid);
		cr_assert(has_thread(tid), "it goes on, while the process does");
		/* at last it ends by itself, and nothing of it is left */
		atomic_store(&let_go, true);
		cr_assert(wait_no_thread(tid));
		cr_assert_eq(core_entries("/proc/self/fd"), fds);
	}
}

static int patience(void *arg, struct grove_error *err)
{
	struct grove_context *context;
	struct grove_portal *portal;
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	portal = help_start(&actors, "middle");
	int rc = grove_portal_open(portal, "above", grove_nil(), &context, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_actors_end(&actors, portal, "the end");
	cr_assert_eq(rc, 0, "%d: it has ended, and is not to be abandoned", rc);
	rc = grove_context_close(context, 0, NULL, err);
	cr_assert_eq(rc, -EBUSY, "%d: %s", rc, err->text);
	_grove_free_ char *text = grove_errors_print(err->tree);
	cr_assert(strstr(text, "leaf.") && strstr(text, "abandoned"), "%s", text);
	cr_assert_null(strstr(text, "actor middle."), "%s", text);
	grove_error_clear(err);
	return grove_actors_exit(&actors, 0, err);
}

static int threads(void)
{
	return core_entries("/proc/self/task");
}

Test(actor_subint, who_ends_others_is_waited_for)
{
	for (size_t i = 0; i < 2; i++) {
		int before = threads();
		int64_t end_ns = grove_now_ns() + HELP_LONG;

		atomic_store(&let_go, false);
		run_with(USUAL_MS, hosted[i], patience, NULL);
		atomic_store(&let_go, true);
		while (threads() > before && grove_now_ns() < end_ns)
			usleep(1000);
		cr_assert_eq(threads(), before);
	}
}

/* ---- other backends --------------------------------------------------------------------------
 */

/* Which backend starts the child, and which one the child uses. */
struct mix {
	const char *child, *grandchild;
	bool thread_first;
};

/* The functions of help_program, whose actors may be processes. */
static int mixed(void *arg, struct grove_error *err)
{
	const struct mix *mix = arg;
	struct grove_start_opts opts = { .name = "child", .backend = mix->child };
	struct grove_context *context;
	struct grove_portal *portal;
	struct grove_actors actors;

	grove_actors_open(&actors, "actors");
	int rc = grove_actors_start(&actors, &opts, &portal, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	rc = grove_portal_open(portal, "parent", grove_bool(false), &context, err);
	cr_assert_eq(rc, 0, "%s", err->text);
	pid_t child = grove_actors_pid(&actors, portal);
	pid_t below = (pid_t)grove_context_first(context)->i;
	/* one of the two is a thread, and one a process */
	cr_assert_eq(child == getpid(), mix->thread_first);
	cr_assert_eq(child == below, !mix->thread_first);
	cr_assert_eq(grove_actors_end(&actors, portal, "the end"), 0);
	cr_assert_neq(child == below || help_wait_dead(below), 0);
	cr_assert_lt(grove_context_close(context, 0, NULL, NULL), 0);
	return grove_actors_exit(&actors, 0, err);
}

static void run_mixed(struct mix mix)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	const struct grove_root_opts opts = { .name = "root",
					      .backend = mix.grandchild,
					      .grace_ns = PATIENT_MS * GROVE_MS };
	int rc = grove_actor_root(&help_program, &opts, mixed, &mix, &err);

	cr_assert_eq(rc, 0, "%s, %s: %d, %s", mix.child, mix.grandchild, rc, err.text);
}

Test(actor_subint, processes_below_threads_and_threads_below_processes)
{
	for (size_t i = 0; grove_backends[i]; i++) {
		const struct grove_backend *backend = grove_backends[i];

		if (backend->hosted || (backend->refuses && backend->refuses()))
			continue;
		for (size_t k = 0; k < 2; k++) {
			run_mixed((struct mix){ hosted[k], backend->name, true });
			run_mixed((struct mix){ backend->name, hosted[k], false });
		}
	}
}

static int refused(void *arg, struct grove_error *err)
{
	struct grove_start_opts opts = { .name = "x", .backend = "subint_fork" };
	struct grove_portal *portal;
	struct grove_actors actors;

	(void)arg;
	grove_actors_open(&actors, "actors");
	cr_assert_eq(grove_actors_start(&actors, &opts, &portal, err), -ENOTSUP);
	cr_assert(strstr(err->text, "subint_fork") && strstr(err->text, "main interpreter"), "%s",
		  err->text);
	grove_error_clear(err);
	return grove_actors_exit(&actors, 0, err);
}

Test(actor_subint, fork_is_refused_with_the_reason)
{
	run_on("subint_fork", refused, NULL);
	run_on("subint_legacy", refused, NULL);
}

Test(actor_subint, subint_is_the_legacy_one)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	const struct grove_backend *backend = grove_program_backend(&program, "subint", &err);

	cr_assert_eq(backend, &grove_backend_subint_legacy);
}
