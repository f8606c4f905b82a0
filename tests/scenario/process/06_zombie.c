/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Children that have ended and are not reaped, and a process that outlived its parent. snag must
 * report them as findings and keep the orphan in the tree.
 */
#include "lib/scenario.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end_at_once(void *unused)
{
	(void)unused;
}

SCENARIO(zombie_unreaped, .what = "a zombie whose parent hangs elsewhere")
{
	pid_t child = spawn_child(end_at_once, NULL);
	siginfo_t info;

	must(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT));
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-read", NULL, getpid());
	truth_finding("zombie", child);
	truth_actor(child, getpid(), NULL);
	truth_ready();
	hang_dead(NULL);
}

struct daemon_state {
	int pipe[2];
	volatile pid_t *pid;
};

static void daemon_parent(void *arg)
{
	struct daemon_state *d = arg;

	close(d->pipe[0]);
	*d->pid = spawn_child(hang_dead, NULL);
}

/* The child's child inherits the pipe, the child ends: the reader waits for a process that left the
 * family. */
SCENARIO(orphan_same_session,
	 .what = "a daemon that kept the session holds the pipe that its family reads")
{
	struct daemon_state d = { .pid = shared_page() };
	char byte;

	must(pipe(d.pipe));
	pid_t middle = spawn_child(daemon_parent, &d);
	must(waitpid(middle, NULL, 0));
	close(d.pipe[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(d.pipe[0]), *d.pid);
	truth_hop(*d.pid, 0, "pipe-read", NULL, *d.pid);
	truth_culprit(*d.pid, NULL);
	truth_actor(*d.pid, 0, NULL);
	truth_finding("orphan", *d.pid);
	truth_says("close fd %d in pid %d", d.pipe[1], *d.pid);
	truth_ready();
	if (read(d.pipe[0], &byte, 1) < 0)
		scenario_die("read: %m");
}

static void new_session(void *arg)
{
	(void)arg;
	must(setsid());
	hang_dead(NULL);
}

/* A child in a session of its own is still a child; its parent only waits for it. */
SCENARIO(child_new_session, .what = "a child that leads a session of its own stays in the tree")
{
	pid_t child = spawn_child(new_session, NULL);

	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_actor(child, getpid(), "fork");
	truth_ready();
	waitpid(child, NULL, 0);
}

/* SIGCHLD ignored: the kernel reaps, wait4(-1) ends only when the last child is gone. */
SCENARIO(sigchld_ignored, .what = "wait4(-1) with SIGCHLD ignored and a child that can never end")
{
	signal(SIGCHLD, SIG_IGN);
	pid_t child = spawn_child(hang_dead, NULL);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	wait(NULL);
}
