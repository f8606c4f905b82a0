/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UDP over loopback. snag must find the peer of a connected socket, also when that one is not
 * connected back, and know a bound socket for one that waits for anybody.
 */
#include "lib/scenario.h"
#include "net_host.h"

#include <unistd.h>

static void receive(int fd)
{
	char byte;

	if (recv(fd, &byte, 1, 0) < 0)
		scenario_die("recv: %m");
	scenario_die("recv returned");
}

static void truth_dead_peer(int fd, pid_t child)
{
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "udp", key_of_fd(fd), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_ready();
}

/* Two sockets connected to each other, the other one's holder can never go on. */
static void receive_from_dead(int family)
{
	struct host a, b;
	int ours = host_bound(family, SOCK_DGRAM, &a), theirs = host_bound(family, SOCK_DGRAM, &b);

	must(connect(ours, (struct sockaddr *)&b.at, b.len));
	must(connect(theirs, (struct sockaddr *)&a.at, a.len));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(ours);
		hang_dead(NULL);
	}
	close(theirs);
	truth_dead_peer(ours, child);
	receive(ours);
}

SCENARIO(udp4_connected, .what = "a receive from a connected IPv4 peer that can never go on")
{
	receive_from_dead(AF_INET);
}

SCENARIO(udp6_connected, .what = "a receive from a connected IPv6 peer that can never go on")
{
	receive_from_dead(AF_INET6);
}

/* The usual client: connected to a server that is not connected to anybody. */
SCENARIO(udp_client, .what = "a client waits for the answer of a server that can never go on")
{
	struct host at;
	int server = host_bound(AF_INET, SOCK_DGRAM, &at);
	pid_t child = spawn_child(hang_dead, NULL);

	close(server);
	int fd = host_connected(SOCK_DGRAM, &at);
	truth_dead_peer(fd, child);
	receive(fd);
}

SCENARIO(udp_server, .what = "a server at rest waits for anybody's datagram")
{
	struct host at;
	int fd = host_bound(AF_INET, SOCK_DGRAM, &at);

	truth_verdict("idle", NULL);
	truth_hop(getpid(), 0, "udp", key_of_fd(fd), ANYBODY);
	truth_ready();
	receive(fd);
}
