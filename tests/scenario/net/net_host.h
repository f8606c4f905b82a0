/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net_host.h - what the scenarios of TCP and UDP share: loopback addresses of both families.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

/* An address of either family with its length. */
struct host {
	struct sockaddr_storage at;
	socklen_t len;
};

/* The loopback address of AF_INET or AF_INET6 with a port, 0 for any. */
struct host host_loopback(int family, uint16_t port);

/* An address as text, and a port. */
struct host host_address(const char *text, uint16_t port);

/* A socket of that type that is bound to the loopback address; where it is bound goes into *at. */
int host_bound(int family, int type, struct host *at);

/* A listener on the loopback address. */
int host_listener(int family, int backlog, struct host *at);

/* A socket that is connected to `at`. */
int host_connected(int type, const struct host *at);
