/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pidfd in a poll or epoll set. snag must say whose exit is waited for, also when the waiter is
 * not the parent.
 */
#include "lib/scenario.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

static int pidfd_of(pid_t pid)
{
	return (int)must(syscall(SYS_pidfd_open, pid, 0));
}

static void truth_waits_for(pid_t child)
{
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "process-exit|child-exit", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
}

SCENARIO(poll_pidfd, .what = "poll on the pidfd of a child that can never end")
{
	pid_t child = spawn_child(hang_dead, NULL);
	struct pollfd p = { .fd = pidfd_of(child), .events = POLLIN };

	truth_waits_for(child);
	truth_ready();
	poll(&p, 1, -1);
}

SCENARIO(epoll_pidfd, .what = "epoll on the pidfds of two children that can never end")
{
	pid_t one = spawn_child(hang_dead, NULL);
	pid_t two = spawn_child(hang_dead, NULL);
	int ep = (int)must(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, pidfd_of(one), &e));
	must(epoll_ctl(ep, EPOLL_CTL_ADD, pidfd_of(two), &e));
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "poll", NULL, ANYBODY);
	truth_wait(getpid(), 0, "process-exit|child-exit", NULL, one);
	truth_wait(getpid(), 0, "process-exit|child-exit", NULL, two);
	truth_blocked(one, 0);
	truth_blocked(two, 0);
	truth_culprit(one, NULL);
	truth_culprit(two, NULL);
	truth_ready();
	epoll_wait(ep, &e, 1, -1);
}

static void poll_sibling(void *arg)
{
	struct pollfd p = { .fd = pidfd_of(*(pid_t *)arg), .events = POLLIN };

	poll(&p, 1, -1);
}

SCENARIO(poll_pidfd_sibling,
	 .what = "a child polls the pidfd of its sibling, which is not its child")
{
	pid_t sibling = spawn_child(hang_dead, NULL);
	pid_t waiter = spawn_child(poll_sibling, &sibling);
	struct pollfd p = { .fd = pidfd_of(waiter), .events = POLLIN };

	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "process-exit|child-exit", NULL, waiter);
	truth_hop(waiter, 0, "process-exit|child-exit", NULL, sibling);
	truth_hop(sibling, 0, "pipe-read", NULL, sibling);
	truth_culprit(sibling, NULL);
	truth_ready();
	poll(&p, 1, -1);
}
