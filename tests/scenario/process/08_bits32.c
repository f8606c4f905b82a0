/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 32-bit programs: their system calls have other numbers, so what the numbers say in 64-bit ones
 * must not be said of them. snag names who waits for the program, and of the program itself that
 * its calls are not decoded.
 */
#include "lib/scenario.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void wait_in(const char *call)
{
	const char *build = getenv("BUILD");
	char *program = (char *)text("%s/patients/bits32", build ? build : "build");
	int nothing[2];

	must(pipe(nothing));
	must(dup2(nothing[0], STDIN_FILENO));
	pid_t pid = spawn_program((char *[]){ program, (char *)call, NULL });

	wait_blocked(pid, pid);
	truth_verdict("undetermined", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, pid);
	truth_hop(pid, 0, "unknown", NULL, 0);
	truth_says("32-bit");
	truth_ready();
	waitpid(pid, NULL, 0);
}

SCENARIO(bits32_read, .needs = "ia32", .what = "a 32-bit program reads an empty pipe")
{
	wait_in("read");
}

SCENARIO(bits32_poll, .needs = "ia32", .what = "a 32-bit program polls an empty pipe")
{
	wait_in("poll");
}

SCENARIO(bits32_futex, .needs = "ia32", .what = "a 32-bit program waits for a futex")
{
	wait_in("futex");
}
