/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets in sets: an event loop with a listener and a connection is at rest as long as nobody owes
 * it an answer; without a way in it is not.
 */
#include "lib/scenario.h"
#include "net_host.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

static int set_of(int a, int b)
{
	struct epoll_event e = { .events = EPOLLIN };
	int ep = (int)must(epoll_create1(EPOLL_CLOEXEC));

	must(epoll_ctl(ep, EPOLL_CTL_ADD, a, &e));
	if (b >= 0)
		must(epoll_ctl(ep, EPOLL_CTL_ADD, b, &e));
	return ep;
}

static void block(int ep)
{
	struct epoll_event e;

	epoll_wait(ep, &e, 1, -1);
	scenario_die("epoll_wait returned");
}

SCENARIO(epoll_pair, .what = "two event loops that each wait for the other to speak")
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(s[0]);
		block(set_of(s[1], -1));
	}
	close(s[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(s[0]), child);
	truth_hop(child, 0, "unix-recv", NULL, getpid());
	truth_ready();
	block(set_of(s[0], -1));
}

/* Each could be told to go on by a client: nothing is owed, so this is rest. */
SCENARIO(epoll_servers, .what = "two connected event loops that also listen are at rest")
{
	struct host at;
	int s[2], listener = host_listener(AF_INET, 5, &at);

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		int own = host_listener(AF_INET, 5, &at);

		close(s[0]);
		close(listener);
		block(set_of(s[1], own));
	}
	close(s[1]);
	truth_verdict("idle", NULL);
	truth_not("deadlock");
	truth_wait(getpid(), 0, "accept", NULL, ANYBODY);
	truth_wait(getpid(), 0, "unix-recv", key_of_fd(s[0]), child);
	truth_wait(child, 0, "unix-recv", NULL, getpid());
	truth_ready();
	block(set_of(s[0], listener));
}

SCENARIO(poll_for_room, .what = "poll for room in a socket whose peer reads nothing")
{
	static char bytes[4096];
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(s[0]);
		hang_dead(NULL);
	}
	close(s[1]);
	while (send(s[0], bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-send", key_of_fd(s[0]), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_ready();
	struct pollfd p = { .fd = s[0], .events = POLLOUT };
	poll(&p, 1, -1);
}
