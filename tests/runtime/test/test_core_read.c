/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_read.c - what others can learn: the descriptor, as a reader finds and follows it, and
 * the truth log.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/core/errors.h"
#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/lock.h"
#include "runtime/core/loop.h"
#include "runtime/core/truth.h"
#include "runtime/test/help_core.h"
#include "runtime/test/help_read.h"

TestSuite(core_read, .init = help_begin, .fini = help_end);

/* ---- what it looks at --------------------------------------------------------------------------
 */

struct patient {
	struct grove_lock lock;
	struct grove_event event;
	struct grove_scope *scope;
	pthread_t thread;
	struct grove_token *token;
	_Atomic(bool) ready;
};

static int take_lock(void *arg, struct grove_error *err)
{
	struct patient *p = arg;
	int rc = grove_lock_acquire(&p->lock);

	(void)err;
	if (rc == 0)
		grove_lock_release(&p->lock);
	return rc;
}

static int hide(void *arg, struct grove_error *err)
{
	struct patient *p = arg;
	struct grove_scope shield, outer;

	grove_scope_enter(&outer, "asked", GROVE_NEVER);
	grove_scope_cancel(&outer, GROVE_CANCEL_REMOTE, "boss", "please stop");
	grove_scope_enter_shielded(&shield, "hidden", GROVE_NEVER);
	int rc = grove_scope_exit(&shield, grove_event_wait(&p->event), err);

	return grove_scope_exit(&outer, rc, err);
}

static int say_ready(void *arg, struct grove_error *err)
{
	(void)err;
	atomic_store(&((struct patient *)arg)->ready, true);
	return 0;
}

static int live(void *arg, struct grove_error *err)
{
	struct patient *p = arg;
	struct grove_nursery nursery;

	grove_lock_init(&p->lock, "the lock");
	grove_event_init(&p->event, "the end");
	grove_event_promise_own(&p->event);
	p->token = grove_loop_token();
	cr_assert_eq(grove_lock_acquire(&p->lock), 0);
	grove_nursery_open(&nursery, "home");
	grove_spawn(&nursery, "wants", take_lock, p);
	grove_spawn(&nursery, "hides", hide, p);
	grove_spawn(&nursery, "says", say_ready, p);
	int rc = grove_event_wait(&p->event);

	grove_lock_release(&p->lock);
	return grove_nursery_exit(&nursery, rc, err);
}

static void *run_patient(void *arg)
{
	const struct grove_run_opts opts = { .name = "patient" };

	cr_assert_eq(grove_run(live, arg, &opts, NULL), 0);
	return NULL;
}

static void let_go(void *arg)
{
	grove_event_set(arg);
}

/* The only loop, once it rests. */
static uint64_t resting_loop(const struct snag_rt *t)
{
	uint64_t loop = 0;

	for (int tries = 0; tries < 2000; tries++) {
		loop = read_next(t->loops.address, &t->loop_list, 0);
		if (loop && read_task(t, loop, "wants") &&
		    read_number(loop, t->loop.generation) % 2 == 0)
			return loop;
		usleep(1000);
	}
	return 0;
}

static void check_wants(const struct snag_rt *t, uint64_t loop, uint64_t main_task)
{
	uint64_t task = read_task(t, loop, "wants");
	uint64_t wait = read_number(task, t->task.wait), object = read_number(wait, t->wait.object);
	uint64_t nursery = read_number(task, t->task.nursery);
	char name[256];

	cr_assert_eq(read_number(task, t->task.state), SNAG_RT_STATE_WAITING);
	cr_assert_eq(read_number(wait, t->wait.kind), SNAG_RT_WAIT_LOCK);
	read_text(object, t->lock.name, name);
	cr_assert_str_eq(name, "the lock");
	cr_assert_eq(read_number(object, t->lock.owner), main_task);
	read_text(nursery, t->nursery.name, name);
	cr_assert_str_eq(name, "home");
	cr_assert_eq(read_number(nursery, t->nursery.parent), main_task);
	cr_assert_eq(read_number(nursery, t->nursery.count), 2);
	cr_assert_eq(read_next(main_task, &t->task.nurseries,
			       read_next(main_task, &t->task.nurseries, 0)),
		     nursery);
}

static void check_hides(const struct snag_rt *t, uint64_t loop)
{
	uint64_t task = read_task(t, loop, "hides");
	uint64_t scope = read_number(task, t->task.scope),
		 outer = read_number(scope, t->scope.parent);
	char name[256];

	cr_assert_eq(read_number(task, t->task.shielded), 1);
	cr_assert_eq(read_number(task, t->task.requested), 0);
	cr_assert_eq(read_number(scope, t->scope.shield), 1);
	cr_assert_eq(read_number(outer, t->scope.cancel_called), 1);
	read_text(outer, t->scope.reason, name);
	cr_assert_str_eq(name, "please stop");
	read_text(outer, t->scope.who, name);
	cr_assert_str_eq(name, "boss");
}

/* Who has promised to end the wait: the main task, for the event; nobody, for the lock. */
static void check_promise(const struct snag_rt *t, uint64_t loop, uint64_t main_task)
{
	uint64_t wait = read_number(read_task(t, loop, "hides"), t->task.wait);
	uint64_t promise = read_number(wait, t->wait_promise);
	char name[256];

	cr_assert_neq(promise, 0);
	cr_assert_eq(read_number(promise, t->promise.kind), SNAG_RT_PROMISE_TASK);
	cr_assert_eq(read_number(promise, t->promise.task), read_number(main_task, t->task.id));
	read_text(promise, t->promise.who, name);
	cr_assert_str_eq(name, "main");
	wait = read_number(read_task(t, loop, "wants"), t->task.wait);
	cr_assert_eq(read_number(wait, t->wait_promise), 0);
}

/* The saved registers: where it goes on lies in the program, what it uses on its own stack. */
static void check_stack(const struct snag_rt *t, uint64_t task)
{
	uint64_t sp = read_number(task, t->task.saved_sp),
		 low = read_number(task, t->task.stack_low);
	uint64_t bytes = read_number(task, t->task.stack_bytes), pc = 0;
	extern const char __executable_start, etext;

	cr_assert_gt(sp, low);
	cr_assert_leq(sp + t->saved.sp_after, low + bytes);
	read_copy(sp + t->saved.pc_offset, &pc, sizeof(pc));
	cr_assert_geq(pc, (uint64_t)(uintptr_t)&__executable_start);
	cr_assert_lt(pc, (uint64_t)(uintptr_t)&etext);
	cr_assert_eq(t->saved.machine, EM_X86_64);
}

Test(core_read, descriptor)
{
	struct patient p = { .ready = false };
	struct snag_rt table;
	char name[256];

	read_table(&table);
	cr_assert_eq(read_next(table.loops.address, &table.loop_list, 0), 0);
	cr_assert_eq(pthread_create(&p.thread, NULL, run_patient, &p), 0);
	while (!atomic_load(&p.ready))
		usleep(100);
	uint64_t loop = resting_loop(&table), generation = read_number(loop, table.loop.generation);
	uint64_t main_task = read_task(&table, loop, "main");

	read_text(loop, table.loop.name, name);
	cr_assert_str_eq(name, "patient");
	cr_assert_eq(read_number(loop, table.loop.current), 0);
	cr_assert_neq(read_number(loop, table.loop.tid), (uint64_t)gettid());
	check_wants(&table, loop, main_task);
	check_hides(&table, loop);
	check_promise(&table, loop, main_task);
	check_stack(&table, main_task);
	cr_assert_eq(read_number(loop, table.loop.generation), generation);
	cr_assert_eq(grove_token_post(p.token, let_go, &p.event), 0);
	pthread_join(p.thread, NULL);
	grove_token_unref(p.token);
	cr_assert_eq(read_next(table.loops.address, &table.loop_list, 0), 0);
	core_clean();
}

/* ---- the truth log -----------------------------------------------------------------------------
 */

static int be_cancelled(void *arg, struct grove_error *err)
{
	(void)arg;
	(void)err;
	return grove_sleep_forever();
}

static int log_things(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	(void)arg;
	cr_assert_eq(grove_truth_open("a/b", err), 0);
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "victim", be_cancelled, NULL);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_truth_state();
	grove_nursery_cancel(&nursery, "quote \" and \n line and \x01");
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
	_grove_free_ char *big = grove_alloc(10000, 1);

	memset(big, 'y', 9999);
	grove_truth("big", grove_fact_int("first", 1), grove_fact_text("big", big));
	return 0;
}

static char *read_log(const char *folder)
{
	_grove_free_ char *path = grove_format("%s/a_b.%d.%d.jsonl", folder, getpid(), gettid());
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *bytes = grove_alloc(1 << 16, 1);

	cr_assert_geq(fd, 0);
	cr_assert_gt(read(fd, bytes, (1 << 16) - 1), 0);
	unlink(path);
	return bytes;
}

Test(core_read, truth_log)
{
	_grove_free_ char *folder = grove_format("%s/truth", help_folder());

	cr_assert_eq(mkdir(folder, 0700), 0);
	setenv("GROVE_TRUTH", folder, 1);
	cr_assert_eq(grove_run(log_things, NULL, NULL, NULL), 0);
	grove_truth_close();
	_grove_free_ char *log = read_log(folder);
	static const char *const wanted[] = {
		"\"event\":\"opened\",\"actor\":\"a/b\"",
		"\"event\":\"state\"",
		"\"name\":\"victim\"",
		"\"state\":\"waiting\",\"waits-for\":\"forever\"",
		"\"event\":\"cancelled-by\"",
		"\"by\":\"call\",\"who\":\"main\"",
		"quote \\\" and \\u000a line and \\u0001",
		"\"event\":\"cancel-delivered\"",
		"\"to\":\"victim\"",
		"\"event\":\"task-exit\"",
		"\"event\":\"big\"",
		"\"first\":1,\"cut\":1}",
		"\"event\":\"loop-exit\"",
	};
	const char *at = log;

	/* In this order, one after the other. */
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		at = strstr(at, wanted[i]);
		cr_assert_not_null(at, "%s in %s", wanted[i], log);
	}
	for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
		cr_assert(line[strspn(line, " ")] == '{' && line[strlen(line) - 1] == '}', "%s",
			  line);
	cr_assert_eq(rmdir(folder), 0);
	core_clean();
}

/* Log lines of all lengths until somebody kills us. */
static void log_for_ever(void)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	char text[3800];

	memset(text, 'z', sizeof(text));
	if (grove_truth_open("victim", &err) < 0)
		_exit(1);
	for (unsigned int i = 0;; i++) {
		size_t length = (i * 977) % (sizeof(text) - 1);

		text[length] = 0;
		grove_truth("line", grove_fact_int("n", i), grove_fact_text("text", text));
		text[length] = 'z';
	}
}

/* Wait until a log has so many bytes, then kill who writes it; all of the log. */
static char *killed_log(const char *path, pid_t pid, off_t bytes)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;
	struct stat st = { .st_size = 0 };

	while (stat(path, &st) < 0 || st.st_size < bytes) {
		cr_assert_lt(grove_now_ns(), end_ns, "it logs nothing");
		sched_yield();
	}
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	cr_assert_eq(fstat(fd, &st), 0);
	char *log = grove_alloc((size_t)st.st_size + 1, 1);
	cr_assert_eq(read(fd, log, (size_t)st.st_size), st.st_size);
	cr_assert_eq(unlink(path), 0);
	return log;
}

/* Who is killed in the middle of it leaves whole lines, and all of them but the last. */
Test(core_read, truth_log_of_who_is_killed)
{
	setenv("GROVE_TRUTH", help_folder(), 1);
	for (int round = 0; round < 50; round++) {
		pid_t pid = fork();

		cr_assert_geq(pid, 0);
		if (pid == 0)
			log_for_ever();
		_grove_free_ char *path =
			grove_format("%s/victim.%d.%d.jsonl", help_folder(), pid, pid);
		_grove_free_ char *log = killed_log(path, pid, 4096 * (round + 1));
		char *line = log, *next;
		int64_t count = 0, wanted = -1;

		for (; (next = strchr(line, '\n')); line = next + 1, wanted++) {
			const char *number = strstr(line, "\"n\":");

			cr_assert(next[-1] == '}' && line[strspn(line, " ")] == '{', "%s", line);
			/* the first line says that it was opened */
			cr_assert(wanted < 0 || (number && atoll(number + 4) == wanted), "%s",
				  line);
			count++;
		}
		cr_assert_gt(count, 1);
		cr_assert_eq(line[strspn(line, " ")], 0, "a torn line: %s", line);
	}
}

static int nothing_to_log(void *arg, struct grove_error *err)
{
	(void)arg;
	cr_assert_eq(grove_truth_open("x", err), 0);
	cr_assert_not(grove_truth_is_open());
	grove_truth("event", grove_fact_int("n", 1));
	setenv("GROVE_TRUTH", "/nowhere", 1);
	cr_assert_eq(grove_truth_open("x", err), -ENOENT);
	cr_assert(strstr(err->text, "/nowhere/x."));
	return 0;
}

Test(core_read, no_truth_log)
{
	unsetenv("GROVE_TRUTH");
	cr_assert_eq(core_run(nothing_to_log, NULL), 0);
}
