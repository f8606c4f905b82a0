/* SPDX-License-Identifier: BSD-2-Clause */
/* test_fault.c - a fault that is off: the same tree plays the same part and ends well. That it
 * hangs when it is on is what the scenarios of tests/scenario/grove/ show. */
#include "runtime/fault/faults.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "runtime/test/help_actor.h"

TestSuite(fault, .init = help_begin, .fini = help_end);

/* The pid of its root. */
static pid_t start(const char *fault, const char *backend)
{
	const char *argv[] = { getenv("GROVE_TREE"), "--fault", fault, "--backend", backend, NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	cr_assert_not_null(argv[0], "GROVE_TREE is not set");
	pid_t root = fork();
	cr_assert_geq(root, 0);
	if (root == 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO); /* some of these trees end with errors, by nature */
		execv(argv[0], (char **)argv);
		_exit(127);
	}
	close(null);
	return root;
}

/* Lines of this event in one file of the log; *pid is who wrote the last. */
static int count_in(const char *path, const char *event, pid_t *pid)
{
	FILE *file = fopen(path, "re");
	char line[8192], wanted[64];
	int count = 0;

	snprintf(wanted, sizeof(wanted), "\"event\":\"%s\"", event);
	while (file && fgets(line, sizeof(line), file)) {
		const char *at = strstr(line, wanted), *who = strstr(line, "\"pid\":");

		if (!at || !who || !strchr(line, '\n'))
			continue;
		*pid = atoi(who + strlen("\"pid\":"));
		count++;
	}
	if (file)
		fclose(file);
	return count;
}

static int count_lines(const char *event, pid_t *pid)
{
	DIR *dir = opendir(help_truth());
	struct dirent *entry;
	char path[512];
	int count = 0;

	cr_assert_not_null(dir);
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", help_truth(), entry->d_name);
		count += entry->d_name[0] == '.' ? 0 : count_in(path, event, pid);
	}
	closedir(dir);
	return count;
}

static void spring(const struct grove_fault *fault, pid_t root, const char *backend)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;
	pid_t trapped = 0;

	if (fault->trigger == GROVE_TRIGGER_NONE)
		return;
	while (count_lines("trap", &trapped) < fault->traps) {
		cr_assert_lt(grove_now_ns(), end_ns, "%s, %s: no trap", fault->name, backend);
		usleep(2000);
	}
	cr_assert_eq(kill(root, fault->trigger == GROVE_TRIGGER_ROOT ? SIGINT : SIGKILL), 0);
	if (fault->trigger != GROVE_TRIGGER_ORPHAN)
		return;
	/* not before its parent is dead: else it does not know what it is when it ends */
	siginfo_t info;
	cr_assert_eq(waitid(P_PID, (id_t)root, &info, WEXITED | WNOWAIT), 0);
	cr_assert_eq(kill(trapped, SIGINT), 0);
}

/* Reap until nobody is left; the exit code of the root. */
static int end(const struct grove_fault *fault, pid_t root, const char *backend)
{
	int64_t end_ns = grove_now_ns() + HELP_LONG;
	int status, code = -1;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) >= 0 || errno != ECHILD) {
		if (pid == root)
			code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
		cr_assert_lt(grove_now_ns(), end_ns, "%s, %s: it does not end", fault->name,
			     backend);
		if (pid == 0)
			usleep(2000);
	}
	return code;
}

static void expect_good_end(const struct grove_fault *fault, const char *backend)
{
	const char *left;
	char off[128];
	pid_t root;

	snprintf(off, sizeof(off), "off:%s", fault->name);
	root = start(off, backend);
	spring(fault, root, backend);
	cr_assert_eq(end(fault, root, backend), fault->off_code, "%s, %s", off, backend);
	left = help_left(HELP_ALL, HELP_LONG);
	cr_assert_null(left, "%s, %s: %s", off, backend, left);
}

/* One test for each fault: all of them take their time, and more under valgrind. */
ParameterizedTestParameters(fault, off_ends_well)
{
	static size_t at[64];
	size_t count = 0;

	while (grove_faults[count] && count < sizeof(at) / sizeof(*at)) {
		at[count] = count;
		count++;
	}
	return cr_make_param_array(size_t, at, count);
}

ParameterizedTest(size_t *at, fault, off_ends_well)
{
	const struct grove_fault *fault = grove_faults[*at];
	size_t shown = 0;

	if (!help_has_pidfds()) /* valgrind: dozens of it at once */
		cr_skip_test("%s: no pidfd_open(2) here", fault->name);

	for (size_t k = 0; grove_backends[k]; k++) {
		if (grove_fault_refusal(fault, grove_backends[k]))
			continue;
		expect_good_end(fault, grove_backends[k]->name);
		shown++;
	}
	cr_assert_gt(shown, 0, "%s: on no backend at all", fault->name);
}

Test(fault, names)
{
	bool off = false;

	for (size_t i = 0; grove_faults[i]; i++) {
		cr_assert_eq(grove_fault_find(grove_faults[i]->name, &off), grove_faults[i]);
		cr_assert_not(off);
	}
	cr_assert_eq(grove_fault_find("off:captured-stdout", &off), &grove_fault_captured_stdout);
	cr_assert(off);
	cr_assert_null(grove_fault_find("off:", NULL));
	cr_assert_null(grove_fault_find("", NULL));
}

Test(fault, levels)
{
	cr_assert_eq(grove_fault_level("root"), 0);
	cr_assert_eq(grove_fault_level("root.1.0"), 2);
}
