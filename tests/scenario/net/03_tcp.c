/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP over loopback, both families. snag must find the other end by the reversed addresses, the
 * listener of a connection that nobody accepted, and know that a connection attempt is given up one
 * day.
 */
#include "lib/scenario.h"
#include "net_host.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <unistd.h>

static void read_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
	scenario_die("read returned");
}

static void write_until_full(int fd)
{
	static char bytes[65536];

	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	scenario_die("write: %m");
}

/* Our end of a connection whose other end a child has that can never go on. */
static int connection_with_dead(int family, pid_t *child)
{
	struct host at;
	int listener = host_listener(family, 5, &at);
	int ours = host_connected(SOCK_STREAM, &at);
	int theirs = (int)must(accept(listener, NULL, NULL));

	close(listener);
	*child = (pid_t)must(fork());
	if (*child == 0) {
		close(ours);
		hang_dead(NULL);
	}
	close(theirs);
	return ours;
}

static void truth_dead_peer(const char *kind, int fd, pid_t child)
{
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, kind, key_of_fd(fd), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
}

static void read_from_dead(int family)
{
	pid_t child;
	int fd = connection_with_dead(family, &child);

	truth_dead_peer("tcp-recv", fd, child);
	read_byte(fd);
}

SCENARIO(tcp4_read, .what = "a read of an IPv4 connection whose peer can never go on")
{
	read_from_dead(AF_INET);
}

SCENARIO(tcp6_read, .what = "a read of an IPv6 connection whose peer can never go on")
{
	read_from_dead(AF_INET6);
}

/* An IPv6 listener that takes IPv4 connections: one end of each family. */
SCENARIO(tcp_mapped_read, .what = "an IPv4 client of an IPv6 server")
{
	struct host any = host_address("::", 0), at;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&any.at;
	int listener = (int)must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));

	must(bind(listener, (struct sockaddr *)&any.at, any.len));
	must(listen(listener, 5));
	must(getsockname(listener, (struct sockaddr *)&any.at, &any.len));
	at = host_loopback(AF_INET, ntohs(v6->sin6_port));
	int ours = host_connected(SOCK_STREAM, &at);
	int theirs = (int)must(accept(listener, NULL, NULL));
	close(listener);
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(ours);
		hang_dead(NULL);
	}
	close(theirs);
	truth_dead_peer("tcp-recv", ours, child);
	read_byte(ours);
}

static void write_to_dead(int family)
{
	pid_t child;
	int fd = connection_with_dead(family, &child);

	truth_dead_peer("tcp-send", fd, child);
	write_until_full(fd);
}

SCENARIO(tcp4_send, .what = "a write to an IPv4 connection whose peer reads nothing")
{
	write_to_dead(AF_INET);
}

SCENARIO(tcp6_send, .what = "a write to an IPv6 connection whose peer reads nothing")
{
	write_to_dead(AF_INET6);
}

/* The kernel of the far end answers every probe, and gives up nevertheless. */
SCENARIO(tcp_user_timeout, .what = "the same, but TCP_USER_TIMEOUT ends it")
{
	unsigned int ms = 600000;
	pid_t child;
	int fd = connection_with_dead(AF_INET, &child);

	must(setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)));
	truth_verdict("waiting-with-timeout", "proven");
	truth_blocked(getpid(), 0);
	truth_blocked(child, 0);
	truth_ready();
	write_until_full(fd);
}

SCENARIO(tcp_keepalive_read, .what = "keepalive probes of a living host end nothing")
{
	pid_t child;
	int fd = connection_with_dead(AF_INET, &child), on = 1;

	must(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)));
	truth_dead_peer("tcp-recv", fd, child);
	read_byte(fd);
}

/* ---- listeners ------------------------------------------------------------------------------ */

static void read_unaccepted(int family)
{
	struct host at;
	int listener = host_listener(family, 5, &at);
	pid_t child = spawn_child(hang_dead, NULL);

	close(listener);
	int fd = host_connected(SOCK_STREAM, &at);
	truth_dead_peer("tcp-recv", fd, child);
	read_byte(fd);
}

SCENARIO(tcp4_not_accepted, .what = "a read of an IPv4 connection that nobody accepted")
{
	read_unaccepted(AF_INET);
}

SCENARIO(tcp6_not_accepted, .what = "a read of an IPv6 connection that nobody accepted")
{
	read_unaccepted(AF_INET6);
}

/* The kernel drops the SYN when the accept queue is full, and tries again for two minutes. */
SCENARIO(tcp_connect_full, .what = "connect to a listener whose queue is full ends by itself")
{
	struct host at;
	int listener = host_listener(AF_INET, 0, &at);
	pid_t child = spawn_child(hang_dead, NULL);

	close(listener);
	host_connected(SOCK_STREAM, &at);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "tcp-connect", NULL, child);
	truth_blocked(child, 0);
	truth_ready();
	host_connected(SOCK_STREAM, &at);
	scenario_die("connect returned");
}

SCENARIO(tcp_accept, .what = "a server at rest waits for a connection")
{
	struct host at;
	int listener = host_listener(AF_INET6, 5, &at);

	truth_verdict("idle", NULL);
	truth_hop(getpid(), 0, "accept", key_of_fd(listener), ANYBODY);
	truth_ready();
	accept(listener, NULL, NULL);
}
