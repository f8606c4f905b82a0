/* SPDX-License-Identifier: BSD-2-Clause */
/* test_left.c - the looks of help_left.h find what they are for, and every test is looked at. */
#include "runtime/test/help_left.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "runtime/actor/actor.h"
#include "runtime/core/tools.h"
#include "runtime/test/help_actor.h"

#ifdef GROVE_ASAN
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#endif

TestSuite(left, .init = help_begin, .fini = help_end);

/* What is there for good, is there after this as well. */
#define A_LOOK (50 * GROVE_MS)

static void expect_left(unsigned what, const char *wanted)
{
	const char *left = help_left(what, A_LOOK);

	cr_assert(left && strstr(left, wanted), "'%s' is not in '%s'", wanted, left ? left : "");
}

static void expect_nothing(unsigned what)
{
	const char *left = help_left(what, HELP_LONG);

	cr_assert_null(left, "%s", left);
}

/* ---- processes ------------------------------------------------------------------------------- */

/* A child that is called so and waits for ever, or ends at once. Ready when it returns. */
static pid_t make_child(const char *name, bool lives)
{
	int pair[2];
	char byte;
	pid_t pid;

	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_NAME, name);
		close(pair[0]);
		close(pair[1]);
		while (lives)
			pause();
		_exit(0);
	}
	close(pair[1]);
	cr_assert_eq(read(pair[0], &byte, 1), 0);
	close(pair[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	cr_assert_eq(kill(pid, SIGKILL), 0);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

/* Until it can be reaped. */
static void await_end(pid_t pid)
{
	siginfo_t info;

	cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

Test(left, process_that_lives)
{
	pid_t pid = make_child("stays", true);
	char text[64];

	snprintf(text, sizeof(text), "process %d (stays) is left", (int)pid);
	expect_left(HELP_ALL, text);
	expect_left(HELP_ALL | HELP_ORPHANS, text);
	end_child(pid);
	expect_nothing(HELP_ALL);
}

Test(left, process_that_nobody_has_reaped)
{
	await_end(make_child("ended", false));
	expect_left(HELP_ALL, "(ended) was not reaped");
	await_end(make_child("ended", false));
	expect_nothing(HELP_ALL | HELP_ORPHANS);
}

/* Whose parent has ended: it comes to us. */
Test(left, orphan)
{
	pid_t middle, orphan = 0;
	int pair[2];

	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	middle = fork();
	cr_assert_geq(middle, 0);
	if (middle == 0) {
		orphan = make_child("orphan", true);
		_exit(write(pair[1], &orphan, sizeof(orphan)) != sizeof(orphan));
	}
	close(pair[1]);
	cr_assert_eq(waitpid(middle, NULL, 0), middle);
	cr_assert_eq(read(pair[0], &orphan, sizeof(orphan)), (ssize_t)sizeof(orphan));
	close(pair[0]);
	expect_left(HELP_ALL | HELP_ORPHANS, "(orphan) is left");
	end_child(orphan);
	expect_nothing(HELP_ALL);
}

/* Only who has the number of another in its name is a tracer, and only when it has ended. */
Test(left, not_a_tracer)
{
	char name[16];
	pid_t pid;

	snprintf(name, sizeof(name), "lsan-%d", (int)getpid());
	pid = make_child(name, true);
	expect_left(HELP_ALL, "is left");
	end_child(pid);
	await_end(make_child(name, false));
	expect_nothing(HELP_ALL);
	await_end(make_child("lsan-", false));
	expect_left(HELP_ALL, "was not reaped");
	await_end(make_child("lsan-1x", false));
	expect_left(HELP_ALL, "was not reaped");
}

#ifdef GROVE_ASAN
/* A process that looks for its leaks again and again. */
static pid_t make_looker(void)
{
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid == 0) {
		/* it says that it misses the threads that a fork leaves behind */
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		__sanitizer_set_report_fd((void *)(intptr_t)null);
	}
	while (pid == 0)
		(void)__lsan_do_recoverable_leak_check();
	return pid;
}

/* Whether it has a child: the tracer. */
static bool is_looked_at(pid_t pid)
{
	_grove_free_ char *path = grove_format("/proc/%d/task/%d/children", (int)pid, (int)pid);
	FILE *file = fopen(path, "re");
	int child = 0;

	cr_assert_not_null(file, "%s: %m", path);
	int count = fscanf(file, "%d", &child);

	fclose(file);
	return count == 1;
}

/* The real one: it comes to us when who is looked at is killed, and is no left-over. */
Test(left, tracer_of_the_leak_sanitizer)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;
	bool seen = false;

	while (!seen) {
		siginfo_t info;
		pid_t pid = make_looker();

		while (!is_looked_at(pid))
			cr_assert_lt(grove_now_ns(), end_ns, "it has no tracer");
		end_child(pid);
		/* unless it was just done with its look */
		seen = waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | __WALL) == 0;
		expect_nothing(HELP_ALL);
		cr_assert_lt(grove_now_ns(), end_ns, "no tracer has outlived its process");
	}
}
#endif

/* ---- threads, descriptors, files ------------------------------------------------------------- */

static void *wait_for_end(void *arg)
{
	char byte;

	return read(*(int *)arg, &byte, 1) == 0 ? arg : NULL;
}

Test(left, thread)
{
	pthread_t thread;
	int pair[2];

	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	cr_assert_eq(pthread_create(&thread, NULL, wait_for_end, &pair[0]), 0);
	expect_left(HELP_ALL, " threads, not ");
	close(pair[1]);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	close(pair[0]);
	expect_nothing(HELP_ALL);
}

Test(left, descriptor)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char text[64];

	cr_assert_geq(fd, 0);
	snprintf(text, sizeof(text), "descriptor %d is left: /dev/null", fd);
	expect_left(HELP_ALL, text);
	close(fd);
	expect_nothing(HELP_ALL);
}

/* It was open before us, and would be somebody's. */
Test(left, descriptor_that_was_closed)
{
	int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

	cr_assert_geq(saved, 0);
	close(STDIN_FILENO);
	expect_left(HELP_ALL, "descriptor 0 was closed");
	/* another file in its place is not the same */
	cr_assert_eq(open("/proc/self/stat", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
	expect_left(HELP_ALL, "descriptor 0 was closed");
	cr_assert_eq(dup2(saved, STDIN_FILENO), STDIN_FILENO);
	close(saved);
	expect_nothing(HELP_ALL);
}

static void make_file(void)
{
	_grove_free_ char *path = grove_format("%s/stays", help_folder());
	_grove_close_ int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	cr_assert_geq(fd, 0, "%s: %m", path);
}

Test(left, file)
{
	_grove_free_ char *path = grove_format("%s/stays", help_folder());

	make_file();
	expect_left(HELP_ALL, path);
	cr_assert_eq(unlink(path), 0);
	expect_nothing(HELP_ALL);
}

/* ---- ports ----------------------------------------------------------------------------------- */

/* A process that has the descriptors of this one. */
static int keep_all(void *arg, struct grove_error *err)
{
	(void)err;
	*(pid_t *)arg = make_child("keeper", true);
	expect_left(HELP_PORTS, "somebody listens on");
	return 0;
}

Test(left, port)
{
	static const char *const transports[] = { "/unix/", "/tcp/" };

	for (int tcp = 0; tcp < 2; tcp++) {
		_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
		struct grove_root_opts opts = { .name = "root", .tcp = tcp };
		pid_t keeper = 0;
		int rc = grove_actor_root(&help_program, &opts, keep_all, &keeper, &err);

		cr_assert_eq(rc, 0, "%s", err.text);
		/* the actor is gone, and its port is not */
		expect_left(HELP_PORTS, transports[tcp]);
		end_child(keeper);
		expect_nothing(HELP_ALL);
	}
}

/* ---- every test ------------------------------------------------------------------------------ */

/* Only the test below says what. */
Test(left, leaves_what_it_is_asked_to)
{
	const char *what = getenv("GROVE_TEST_LEAVES");
	static int pair[2];
	pthread_t thread;

	if (!what)
		return;
	help_end_soon();
	if (strcmp(what, "process") == 0)
		make_child("stays", true);
	else if (strcmp(what, "file") == 0)
		make_file();
	else
		cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	if (strcmp(what, "thread") == 0)
		cr_assert_eq(pthread_create(&thread, NULL, wait_for_end, &pair[0]), 0);
}

/* Run that one, and read what is said of it; its exit code. */
static int run_test_that_leaves(const char *what, char *text, size_t size)
{
	char self[4096];
	size_t used = 0;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int pair[2], status;
	pid_t pid;

	cr_assert_gt(n, 0);
	self[n] = 0;
	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	cr_assert_geq(pid, 0);
	if (pid == 0) {
		clearenv(); /* it is a run of its own, no test of this one */
		setenv("GROVE_TEST_LEAVES", what, 1);
		dup2(pair[1], STDOUT_FILENO);
		dup2(pair[1], STDERR_FILENO);
		/* not /proc/self/exe, which is valgrind itself when that runs us */
		execl(self, "grove-test", "--filter", "left/leaves_what_it_is_asked_to", NULL);
		_exit(127);
	}
	close(pair[1]);
	for (; n > 0 && used<size - 1; used += n> 0 ? (size_t)n : 0)
		n = read(pair[0], text + used, size - 1 - used);
	text[used] = 0;
	close(pair[0]);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Test(left, who_leaves_something_fails)
{
	static const char *const cases[][2] = {
		{ "process", "(stays) is left" },
		{ "thread", " threads, not " },
		{ "descriptor", "is left: pipe:" },
		{ "file", "/stays is left" },
	};
	char text[8192];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int code = run_test_that_leaves(cases[i][0], text, sizeof(text));
		const char *path = strstr(text, "file /tmp/");

		cr_assert_eq(code, 1, "%s: %d: %s", cases[i][0], code, text);
		cr_assert(strstr(text, cases[i][1]), "%s: %s", cases[i][0], text);
		if (path) {
			_grove_free_ char *file = grove_format("%.13s/stays", path + 5);

			cr_assert_eq(unlink(file), 0, "%s: %m", file);
			cr_assert_eq(rmdir(dirname(file)), 0, "%s: %m", file);
		}
	}
}

/* The linker's names for what criterion puts into its sections (criterion/internal/test.h). */
extern struct criterion_test *__start_cr_tst[], *__stop_cr_tst[];
extern struct criterion_suite *__start_cr_sts[], *__stop_cr_sts[];

static bool suite_is_looked_at(const char *name)
{
	for (struct criterion_suite **at = __start_cr_sts; at < __stop_cr_sts; at++)
		if (*at && strcmp((*at)->name, name) == 0 && (*at)->data->init == help_begin &&
		    (*at)->data->fini == help_end)
			return true;
	return false;
}

Test(left, every_test_is_looked_at)
{
	size_t count = 0;

	for (struct criterion_test **at = __start_cr_tst; at < __stop_cr_tst; at++) {
		if (!*at)
			continue;
		count++;
		cr_assert(suite_is_looked_at((*at)->category), "suite %s has no TestSuite() line",
			  (*at)->category);
		/* a test with these of its own would be as well, but nobody shall have to know */
		cr_assert_null((*at)->data->init, "%s", (*at)->name);
		cr_assert_null((*at)->data->fini, "%s", (*at)->name);
	}
	cr_assert_gt(count, 100u);
}
