/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec in a process with another thread must wait until that thread is gone; a tracer that asked
 * for exit events holds it. The tracer waits for the process itself: a true ring. snag must go from
 * the parent to the exec, from there to the other thread, and from its ptrace stop back to the
 * tracer.
 */
#include "lib/scenario.h"

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

struct stage {
	volatile pid_t second; /* tid of the second thread */
	volatile int go;
};

static void second_thread(void *arg)
{
	((struct stage *)arg)->second = self_tid();
	hang(NULL);
}

static bool traced(void *arg)
{
	return ((struct stage *)arg)->go;
}

static bool second_known(void *arg)
{
	return ((struct stage *)arg)->second != 0;
}

static void exec_with_threads(void *arg)
{
	spawn_thread(second_thread, arg);
	wait_until(traced, arg, "the tracer is there");
	execlp("true", "true", NULL);
	scenario_die("execlp: %m");
}

SCENARIO(exec_threads,
	 .what = "exec waits for a traced thread whose tracer waits for the exec's process")
{
	struct stage *stage = shared_page();
	pid_t child = spawn_child(exec_with_threads, stage);

	wait_until(second_known, stage, "the second thread runs");
	pid_t second = stage->second;
	must(ptrace(PTRACE_SEIZE, second, 0, (void *)(long)PTRACE_O_TRACEEXIT));
	stage->go = 1;
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	/* the shortest way is that the exit of the child needs any of its threads: it may leave out
	 * the exec */
	truth_wait(child, 0, "exec", NULL, child);
	truth_wait(child, second, "ptrace-stop", NULL, getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}
