/* SPDX-License-Identifier: BSD-2-Clause */
#include "tasks_run.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* It rests in its loop; `python3` may be a script that starts it. */
static bool is_in_loop(void *arg)
{
	const pid_t *pid = arg;
	FILE *file = fopen(text("/proc/%d/syscall", *pid), "re");
	int nr = -1;

	if (file && fscanf(file, "%d", &nr) != 1)
		nr = -1;
	if (file)
		fclose(file);
	return nr == SYS_epoll_wait;
}

pid_t tasks_run(const char *program)
{
	char *argv[] = { "python3", "-c", (char *)program, NULL };
	pid_t python = spawn_program(argv);

	wait_until(is_in_loop, &python, "the loop rests");
	truth_root(python);
	truth_verdict("deadlock", NULL);
	truth_blocked(python, python);
	return python;
}

void tasks_wait(pid_t python)
{
	truth_ready();
	waitpid(python, NULL, 0);
}
