/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waiting for a child to exit. snag must find, for each way to ask, exactly the children that are
 * asked for. Where only one of two children is, the other one sleeps and will end: who mixes them
 * up calls the deadlock a wait with a time-out.
 */
#include "lib/scenario.h"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_long(void *unused)
{
	(void)unused;
	nanosleep(&(struct timespec){ .tv_sec = 100000 }, NULL);
}

static void truth_waits_for(pid_t child)
{
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_actor(getpid(), 0, NULL);
	truth_actor(child, getpid(), "fork");
}

SCENARIO(wait4_pid, .what = "a parent in wait4(pid) of a child that can never end")
{
	pid_t child = spawn_child(hang_dead, NULL);
	pid_t other = spawn_child(sleep_long, NULL);

	truth_waits_for(child);
	truth_blocked(other, 0);
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(wait4_any, .what = "a parent in wait4(-1) of two children that can never end")
{
	pid_t one = spawn_child(hang_dead, NULL);
	pid_t two = spawn_child(hang_dead, NULL);

	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, one);
	truth_wait(getpid(), 0, "child-exit", NULL, two);
	truth_wait(one, 0, "pipe-read", NULL, one);
	truth_wait(two, 0, "pipe-read", NULL, two);
	truth_culprit(one, NULL);
	truth_culprit(two, NULL);
	truth_ready();
	wait(NULL);
}

/* One of the children will end: any child's exit is enough. */
SCENARIO(wait4_any_sleeper, .what = "wait4(-1) with a child that sleeps and one that is dead")
{
	pid_t dead = spawn_child(hang_dead, NULL);
	pid_t sleeper = spawn_child(sleep_long, NULL);

	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "child-exit", NULL, sleeper);
	truth_hop(sleeper, 0, "sleep", NULL, ANYBODY);
	truth_culprit(sleeper, NULL);
	truth_blocked(dead, 0);
	truth_ready();
	wait(NULL);
}

static void own_group_dead(void *unused)
{
	must(setpgid(0, 0));
	hang_dead(unused);
}

static bool leads_group(void *pid)
{
	return getpgid(*(pid_t *)pid) == *(pid_t *)pid;
}

SCENARIO(waitid_pgid, .what = "a parent in waitid(P_PGID): only the child of that group counts")
{
	pid_t child = spawn_child(own_group_dead, NULL);
	pid_t other = spawn_child(sleep_long, NULL);
	siginfo_t info;

	wait_until(leads_group, &child, "the child leads a process group");
	truth_waits_for(child);
	truth_blocked(other, 0);
	truth_ready();
	waitid(P_PGID, (id_t)child, &info, WEXITED);
}

SCENARIO(wait4_minus_pgid, .what = "a parent in wait4(-pgid): only the child of that group counts")
{
	pid_t child = spawn_child(own_group_dead, NULL);
	pid_t other = spawn_child(sleep_long, NULL);

	wait_until(leads_group, &child, "the child leads a process group");
	truth_waits_for(child);
	truth_blocked(other, 0);
	truth_ready();
	waitpid(-child, NULL, 0);
}

SCENARIO(wait4_own_group,
	 .what = "a parent in wait4(0): a child that left the group does not count")
{
	pid_t leaver = spawn_child(own_group_dead, NULL);
	pid_t child = spawn_child(hang_dead, NULL);

	wait_until(leads_group, &leaver, "the child leads a process group");
	truth_waits_for(child);
	truth_blocked(leaver, 0);
	truth_ready();
	waitpid(0, NULL, 0);
}

SCENARIO(waitid_pid, .what = "a parent in waitid(P_PID)")
{
	pid_t child = spawn_child(hang_dead, NULL);
	siginfo_t info;

	truth_waits_for(child);
	truth_ready();
	waitid(P_PID, (id_t)child, &info, WEXITED);
}

SCENARIO(waitid_pidfd, .what = "a parent in waitid(P_PIDFD): the pidfd names the child")
{
	pid_t child = spawn_child(hang_dead, NULL);
	pid_t other = spawn_child(sleep_long, NULL);
	int fd = (int)must(syscall(SYS_pidfd_open, child, 0));
	siginfo_t info;

	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit|process-exit", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_blocked(other, 0);
	truth_ready();
	waitid(P_PIDFD, (id_t)fd, &info, WEXITED);
}

static void thread_with_child(void *pid)
{
	*(volatile pid_t *)pid = spawn_child(sleep_long, NULL);
	hang_dead(NULL);
}

static bool pid_known(void *pid)
{
	return *(volatile pid_t *)pid != 0;
}

/* The other thread's child will end, but __WNOTHREAD waits for the own children of the thread only.
 */
SCENARIO(wait4_nothread, .what = "wait4(-1, __WNOTHREAD): children of other threads do not count")
{
	pid_t *other = shared_page();
	pid_t child = spawn_child(hang_dead, NULL);

	spawn_thread(thread_with_child, other);
	wait_until(pid_known, other, "the thread has forked");
	truth_waits_for(child);
	truth_actor(*other, getpid(), "thread-fork");
	truth_blocked(*other, 0);
	truth_ready();
	waitpid(-1, NULL, __WNOTHREAD);
}

static void thread_of_dead(void *tid)
{
	*(volatile pid_t *)tid = self_tid();
	hang_dead(NULL);
}

/* The first thread has ended, its process shows as a zombie and has no files; another thread lives
 * on. */
static void leader_leaves(void *tid)
{
	spawn_thread(thread_of_dead, tid);
	wait_until(pid_known, tid, "the second thread runs");
	syscall(SYS_exit, 0);
}

SCENARIO(zombie_leader, .what = "a child whose first thread has ended and whose second cannot")
{
	pid_t *tid = shared_page();
	pid_t child = spawn_child(leader_leaves, tid);

	wait_until(pid_known, tid, "the second thread runs");
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, *tid, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	waitpid(child, NULL, 0);
}
