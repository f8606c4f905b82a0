/* SPDX-License-Identifier: BSD-2-Clause */
#include "tasks_run.h"

#include <sys/syscall.h>
#include <sys/wait.h>

pid_t tasks_run(const char *program)
{
	char *argv[] = { "python3", "-c", (char *)program, NULL };
	pid_t python = spawn_program(argv);

	/* `python3` may be a script that starts it */
	wait_call(python, SYS_epoll_wait);
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
