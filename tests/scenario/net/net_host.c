/* SPDX-License-Identifier: BSD-2-Clause */
#include "net_host.h"

#include "lib/scenario.h"

#include <arpa/inet.h>
#include <string.h>

struct host host_address(const char *address, uint16_t port)
{
	struct host h = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&h.at;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&h.at;

	if (strchr(address, ':')) {
		h.len = sizeof(*v6);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		inet_pton(AF_INET6, address, &v6->sin6_addr);
	} else {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		inet_pton(AF_INET, address, &v4->sin_addr);
	}
	return h;
}

struct host host_loopback(int family, uint16_t port)
{
	return host_address(family == AF_INET ? "127.0.0.1" : "::1", port);
}

int host_bound(int family, int type, struct host *at)
{
	int fd = (int)must(socket(family, type | SOCK_CLOEXEC, 0));

	*at = host_loopback(family, 0);
	must(bind(fd, (struct sockaddr *)&at->at, at->len));
	must(getsockname(fd, (struct sockaddr *)&at->at, &at->len));
	return fd;
}

int host_listener(int family, int backlog, struct host *at)
{
	int fd = host_bound(family, SOCK_STREAM, at);

	must(listen(fd, backlog));
	return fd;
}

int host_connected(int type, const struct host *at)
{
	int fd = (int)must(socket(at->at.ss_family, type | SOCK_CLOEXEC, 0));

	must(connect(fd, (const struct sockaddr *)&at->at, at->len));
	return fd;
}
