/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix datagram sockets. One that is connected hears its peer alone; one that is bound hears
 * anybody; a sender waits for the receiver's queue, whether it is connected or names an address.
 */
#include "lib/scenario.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	return un;
}

static int bound(const char *path)
{
	struct sockaddr_un un = address_of(path);
	int fd = (int)must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	must(bind(fd, (struct sockaddr *)&un, sizeof(un)));
	return fd;
}

static const char *socket_path(void)
{
	return text("%s/socket", scenario_dir());
}

static void receive(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, 0) < 0)
		scenario_die("recv: %m");
	scenario_die("recv returned");
}

SCENARIO(unix_dgram_pair, .what = "a receive from a datagram pair whose other end can never go on")
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(s[0]);
		hang_dead(NULL);
	}
	close(s[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(s[0]), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_ready();
	receive(s[0]);
}

/* A child has the receiver's socket and never reads. Its pid. */
static pid_t dead_receiver(const char *path)
{
	int fd = bound(path);
	pid_t child = spawn_child(hang_dead, NULL);

	close(fd);
	return child;
}

static void truth_full(pid_t child, int fd)
{
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-send", key_of_fd(fd), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
}

SCENARIO(unix_dgram_send_connected, .what = "a connected sender whose receiver's queue is full")
{
	pid_t child = dead_receiver(socket_path());
	struct sockaddr_un un = address_of(socket_path());
	int fd = (int)must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	must(connect(fd, (struct sockaddr *)&un, sizeof(un)));
	truth_full(child, fd);
	while (send(fd, "x", 1, 0) == 1)
		;
	scenario_die("send: %m");
}

SCENARIO(unix_dgram_sendto, .what = "a sender that names the receiver in each call")
{
	pid_t child = dead_receiver(socket_path());
	struct sockaddr_un un = address_of(socket_path());
	int fd = (int)must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	truth_full(child, fd);
	while (sendto(fd, "x", 1, 0, (struct sockaddr *)&un, sizeof(un)) == 1)
		;
	scenario_die("sendto: %m");
}

SCENARIO(unix_dgram_sendmsg, .what = "a sender that names the receiver in a message header")
{
	pid_t child = dead_receiver(socket_path());
	struct sockaddr_un un = address_of(socket_path());
	int fd = (int)must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	struct iovec v = { .iov_base = (char *)"x", .iov_len = 1 };
	struct msghdr m = {
		.msg_name = &un, .msg_namelen = sizeof(un), .msg_iov = &v, .msg_iovlen = 1
	};

	truth_full(child, fd);
	while (sendmsg(fd, &m, 0) == 1)
		;
	scenario_die("sendmsg: %m");
}

/* Like a log daemon: anybody could send, so it is at rest, though its only client is dead. */
SCENARIO(unix_dgram_server, .what = "a bound receiver waits for anybody")
{
	int fd = bound(socket_path());
	struct sockaddr_un un = address_of(socket_path());
	int client = (int)must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	must(connect(client, (struct sockaddr *)&un, sizeof(un)));
	pid_t child = spawn_child(hang_dead, NULL);
	close(client);
	truth_verdict("idle", NULL);
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(fd), ANYBODY);
	truth_blocked(child, 0);
	truth_ready();
	receive(fd);
}
