/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The exit status of `snag stacks`: 0 done, 1 failure, 2 wrong usage, 5 nobody there. The tree
 * itself asks, before it hangs.
 */
#include "lib/scenario.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect(int status, const char *words)
{
	const char *snag = getenv("SNAG"), *build = getenv("BUILD");
	const char *program = snag ? snag : text("%s/snag", build ? build : "build");
	int got = (int)must(system(text("%s stacks %s 2>/dev/null", program, words)));

	if (!WIFEXITED(got) || WEXITSTATUS(got) != status)
		scenario_die("snag stacks %s: status %#x, not exit %d", words, got, status);
}

/* A pid that nobody has: a child's that is gone, and nobody else is born with it this soon. */
static pid_t gone(void)
{
	pid_t pid = (pid_t)must(fork());

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	return pid;
}

SCENARIO(exit_status, .what = "snag stacks says by its exit status how it went")
{
	pid_t child = spawn_child(hang, NULL), me = getpid();

	wait_blocked(child, 0);
	expect(0, text("%d | grep -q ' pause$'", child));
	expect(0, text("--all --thread %d %d >/dev/null", child, me));
	expect(0, text("--folded %d >/dev/null", child));
	expect(0, text("--quiet %d >/dev/null", child));
	expect(0, "--help >/dev/null");
	expect(1, text("%d >/dev/full", child));
	expect(1, "/proc/self/status >/dev/null");
	expect(2, ">/dev/null");
	expect(2, text("--folded --json %d >/dev/null", child));
	expect(2, text("--no-such-option %d >/dev/null", child));
	expect(2, text("%d %d >/dev/null", child, me));
	expect(2, "no-such-file >/dev/null");
	expect(5, text("%d >/dev/null", gone()));
	expect(5, text("--thread %d %d >/dev/null", me, child));
	truth_verdict("idle", NULL);
	truth_verdict("deadlock", NULL);
	truth_verdict("undetermined", NULL);
	truth_hop(me, 0, "child-exit", NULL, child);
	truth_ready();
	waitpid(child, NULL, 0);
}
