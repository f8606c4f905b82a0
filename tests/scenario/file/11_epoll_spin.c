/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loop that turns without a pause because something in its epoll set is at its end, which nobody
 * takes out. snag must call it busy, blame that very descriptor, and blame none where it is not the
 * reason: what an edge-triggered item had to tell is told, and who computes calls no epoll_wait(2).
 */
#include "lib/scenario.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_of(int fd, uint32_t events)
{
	int ep = (int)must(epoll_create1(EPOLL_CLOEXEC));

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd,
		       &(struct epoll_event){ .events = events, .data.fd = fd }));
	return ep;
}

/* As loops do: who is ready is read, and nothing is made of there being nothing. */
static void turn(int ep, int timeout_ms)
{
	struct epoll_event e;
	char byte;

	for (;;)
		if (epoll_wait(ep, &e, 1, timeout_ms) == 1)
			(void)!recv(e.data.fd, &byte, 1, MSG_DONTWAIT);
}

static void state_spin(pid_t pid, int fd)
{
	truth_verdict("busy", NULL);
	truth_culprit_on(pid, pid, "busy", key_of_fd(fd));
	truth_finding("epoll-hangup", pid);
	truth_says("fd %d", fd);
	truth_says("always ready");
	truth_ready();
}

SCENARIO(epoll_spin_unix, .what = "a loop spins on a unix socket whose other end is closed",
	 .moving = true)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	int ep = set_of(pair[0], EPOLLIN);
	close(pair[1]);
	state_spin(getpid(), pair[0]);
	turn(ep, -1);
}

SCENARIO(epoll_spin_tcp, .what = "a loop spins on a TCP connection that the other end has closed",
	 .moving = true)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(at);
	int door = (int)must(socket(AF_INET, SOCK_STREAM, 0));
	int far = (int)must(socket(AF_INET, SOCK_STREAM, 0));

	must(bind(door, (struct sockaddr *)&at, sizeof(at)));
	must(listen(door, 1));
	must(getsockname(door, (struct sockaddr *)&at, &size));
	must(connect(far, (struct sockaddr *)&at, size));
	int fd = (int)must(accept(door, NULL, NULL));
	int ep = set_of(fd, EPOLLIN);
	close(far);
	state_spin(getpid(), fd);
	turn(ep, -1);
}

/* Only the kernel counts the ends of a pipe. */
SCENARIO(epoll_spin_pipe, .what = "a loop spins on a pipe that has no writer any more",
	 .reader = "bpf", .needs = "bpf", .moving = true)
{
	int p[2];

	must(pipe(p));
	int ep = set_of(p[0], EPOLLIN);
	close(p[1]);
	state_spin(getpid(), p[0]);
	turn(ep, -1);
}

SCENARIO(epoll_spin_writer, .what = "a loop spins on a full pipe that has no reader any more",
	 .reader = "bpf", .needs = "bpf", .moving = true)
{
	int p[2];

	must(pipe2(p, O_NONBLOCK));
	while (write(p[1], "x", 1) == 1)
		;
	int ep = set_of(p[1], EPOLLOUT);
	close(p[0]);
	state_spin(getpid(), p[1]);
	turn(ep, -1);
}

struct set_at {
	int ep;
};

static void turn_in_child(void *arg)
{
	const struct set_at *at = arg;

	turn(at->ep, -1);
}

SCENARIO(epoll_spin_child, .what = "a parent waits for the exit of a child that spins",
	 .moving = true)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	struct set_at at = { set_of(pair[0], EPOLLIN) };
	close(pair[1]);
	pid_t child = spawn_child(turn_in_child, &at);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	state_spin(child, pair[0]);
	waitpid(child, NULL, 0);
}

/* The item cannot even be taken out any more: its number names nothing here. */
SCENARIO(epoll_spin_closed,
	 .what = "a loop spins on a socket that it has closed, and a child of it has not",
	 .moving = true)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	int ep = set_of(pair[0], EPOLLIN);
	close(pair[1]);
	pid_t child = spawn_child(hang, NULL);
	wait_blocked(child, 0);
	truth_verdict("busy", NULL);
	truth_culprit_on(getpid(), getpid(), "busy", key_of_fd(pair[0]));
	truth_finding("epoll-hangup", getpid());
	close(pair[0]);
	truth_ready();
	turn(ep, -1);
}

SCENARIO(epoll_spin_edge, .what = "an edge-triggered item at its end is told once: no blame",
	 .moving = true)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	int ep = set_of(pair[0], EPOLLIN | EPOLLET);
	close(pair[1]);
	truth_verdict("busy", NULL);
	truth_culprit_on(getpid(), getpid(), "busy", NULL);
	truth_no_finding("epoll-hangup");
	truth_ready();
	turn(ep, 0); /* polls without a pause */
}

SCENARIO(epoll_spin_computes, .what = "who computes and looks at no set is not blamed for one",
	 .moving = true)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	set_of(pair[0], EPOLLIN);
	close(pair[1]);
	truth_verdict("busy", NULL);
	truth_culprit_on(getpid(), getpid(), "busy", NULL);
	truth_no_finding("epoll-hangup");
	truth_ready();
	for (volatile unsigned long n = 0;; n++)
		;
}

static void rest(void *arg)
{
	const struct set_at *at = arg;
	struct epoll_event e;

	epoll_wait(at->ep, &e, 1, -1);
}

/* What is in the set of another thread wakes that one: it rests, so nothing in it is ready. */
SCENARIO(epoll_spin_other, .what = "a thread spins without a set, another one rests in one",
	 .moving = true)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	struct set_at at = { set_of(pair[0], EPOLLIN) };
	pid_t other = spawn_thread(rest, &at);
	truth_verdict("busy", NULL);
	truth_blocked(getpid(), other);
	truth_no_finding("epoll-hangup");
	truth_ready();
	for (;;)
		getppid();
}
