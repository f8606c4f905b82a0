/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a child to exit. snag must find, for each way to ask, the child that is waited for,
 * and that the child itself sleeps for ever.
 */
#include "lib/scenario.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that nothing can end: it reads a pipe whose only writer is itself. */
SCENARIO(wait4_pid, .what = "a parent in wait4(pid) of a child that can never end")
{
	pid_t child = spawn_child(hang_dead, NULL);

	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_actor(getpid(), 0, NULL);
	truth_actor(child, getpid(), "fork");
	truth_ready();
	waitpid(child, NULL, 0);
}
