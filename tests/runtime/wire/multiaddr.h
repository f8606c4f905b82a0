/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * multiaddr.h - where an actor listens, as text and as the kernel takes it.
 *
 *	/ip4/127.0.0.1/tcp/1616
 *	/ip6/::1/tcp/1616		an address with a scope: /ip6zone/eth0/ip6/fe80::1/tcp/1616
 *	/unix/run/grove/root.sock	the path is all that follows /unix
 *	/unix/@root			an abstract socket; the path /@root is spelled /unix//@root
 *
 * In unix names %XX is a byte, and a byte that is no printable character is printed so.
 * An address is normal as soon as it is parsed: repeated slashes are one, an IPv4 address inside
 * IPv6 is IPv4. Hence two addresses of one socket are equal.
 */
#pragma once

#include "runtime/core/base.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Room for the longest text: each byte of a unix name escaped. */
#define GROVE_MULTIADDR_TEXT 352

/* What connect() and bind() take; unused bytes are 0. A size of 0 is no address. */
struct grove_multiaddr {
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		struct sockaddr_un un;
	};
};

/* Read `text`. -EINVAL with what is wrong with it, -ENAMETOOLONG for a unix name of > 107 bytes. */
GROVE_MUST_CHECK
int grove_multiaddr_parse(struct grove_multiaddr *ret, const char *text, struct grove_error *err);

/* The text of `a`, in `text`, which is returned. "none" for no address. */
const char *grove_multiaddr_print(const struct grove_multiaddr *a,
				  char text[static GROVE_MULTIADDR_TEXT]);

/*
 * What accept(), getsockname() and getpeername() tell. -EADDRNOTAVAIL for a unix socket without a
 * name, -EAFNOSUPPORT for what is no unix, IPv4 or IPv6 socket, -EINVAL when `size` is too short.
 */
GROVE_MUST_CHECK
int grove_multiaddr_from(struct grove_multiaddr *ret, const struct sockaddr *sa, socklen_t size,
			 struct grove_error *err);

/* Whether both are the same socket. */
bool grove_multiaddr_equal(const struct grove_multiaddr *a, const struct grove_multiaddr *b);

/* The path to unlink when a listener ends; NULL when there is none. Borrowed from `a`. */
const char *grove_multiaddr_path(const struct grove_multiaddr *a);

/* The port; 0 for a unix socket and for "any port". */
uint16_t grove_multiaddr_port(const struct grove_multiaddr *a);

/* Whether it is 0.0.0.0 or ::, which a listener may bind and nobody can connect to elsewhere. */
bool grove_multiaddr_is_wildcard(const struct grove_multiaddr *a);
