/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How each process came to be. snag must tell a bare fork from fork and exec, and a fork by a
 * thread other than the first; where the kernel has forgotten (vfork and fork look alike after
 * exec) either word is right.
 */
#include "lib/scenario.h"

#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* cat on a pipe whose only writer is cat itself: it inherits both ends, for neither is CLOEXEC. */
static pid_t cat_dead(bool by_posix_spawn)
{
	char *argv[] = { (char *)"cat", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int fds[2];

	must(pipe(fds));
	if (by_posix_spawn) {
		posix_spawn_file_actions_init(&actions);
		posix_spawn_file_actions_adddup2(&actions, fds[0], 0);
		int rc = posix_spawnp(&pid, "cat", &actions, NULL, argv, environ);
		if (rc != 0)
			scenario_die("posix_spawnp: %s", strerror(rc));
	} else {
		pid = (pid_t)must(fork());
		if (pid == 0) {
			dup2(fds[0], 0);
			execvp(argv[0], argv);
			_exit(127);
		}
	}
	close(fds[0]);
	close(fds[1]);
	return pid;
}

static bool runs_cat(void *pid)
{
	return wait_child(getpid(), "cat") == *(pid_t *)pid;
}

SCENARIO(spawn_fork_exec, .what = "a child made by fork and exec")
{
	pid_t child = cat_dead(false);

	wait_until(runs_cat, &child, "exec of cat");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_actor(child, getpid(), "fork-exec");
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(spawn_posix_spawn, .what = "a child made by posix_spawn")
{
	pid_t child = cat_dead(true);

	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_actor(child, getpid(), "vfork-exec|fork-exec|unknown");
	truth_ready();
	waitpid(child, NULL, 0);
}

static void fork_in_thread(void *pid)
{
	*(volatile pid_t *)pid = spawn_child(hang_dead, NULL);
	hang_dead(NULL);
}

static bool pid_known(void *pid)
{
	return *(volatile pid_t *)pid != 0;
}

/* Listed under the thread that forked it; who reads the first thread's children only does not see
 * it. */
SCENARIO(spawn_thread_fork, .what = "a child forked by a second thread, waited for by the first")
{
	pid_t *child = shared_page();

	spawn_thread(fork_in_thread, child);
	wait_until(pid_known, child, "the thread has forked");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, *child);
	truth_hop(*child, 0, "pipe-read", NULL, *child);
	truth_actor(*child, getpid(), "thread-fork");
	truth_ready();
	wait(NULL);
}

static void fork_chain(void *arg)
{
	pid_t *pids = arg;

	pids[1] = getpid();
	pid_t child = spawn_child(hang_dead, NULL);
	__atomic_store_n(&pids[0], child, __ATOMIC_RELEASE);
	waitpid(child, NULL, 0);
}

SCENARIO(spawn_generations, .what = "three generations, each waits for the next")
{
	pid_t *pids = shared_page();

	spawn_child(fork_chain, pids);
	wait_until(pid_known, pids, "the grandchild is there");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, pids[1]);
	truth_hop(pids[1], 0, "child-exit", NULL, pids[0]);
	truth_hop(pids[0], 0, "pipe-read", NULL, pids[0]);
	truth_culprit(pids[0], NULL);
	truth_actor(pids[1], getpid(), "fork");
	truth_actor(pids[0], pids[1], "fork");
	truth_ready();
	wait(NULL);
}
