/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * net.h - what the kinds of net/ share: names of sockets and whom the far end belongs to.
 */
#pragma once

#include "read/net/socks.h"
#include "waits/find.h"

/* "127.0.0.1:80", "[::1]:80", "unix socket /run/x"; the buffer is yours. */
struct net_name {
	char text[160];
};

/* Where a socket is bound, and where it is connected to. */
struct net_name net_local(const struct snapshot *s, const struct snap_sock *k);
/* See net_local(). */
struct net_name net_remote(const struct snap_sock *k);

/* 127.0.0.0/8 or ::1: the far end is in the same network namespace, whoever it is. */
bool net_is_loopback(const uint8_t address[16]);

/* 0.0.0.0 or ::, with which a socket is bound to all addresses. */
bool net_is_any(const uint8_t address[16]);

/* The socket of a wait when it is of that family (0: any) and type (0: any), else NULL. */
const struct snap_sock *net_sock(struct wait_ctx *c, const struct wait_fd *f, uint16_t family,
				 uint16_t type);

/*
 * TERM_OBJECT for the holders of socket `ino`, in the role of a peer; sets the wait's object's
 * peer.
 */
void net_add_peer(struct wait_ctx *c, uint32_t wait, uint64_t ino, const char *what);
/* See net_add_peer(): of the other end of the unix socket `k`. */
void net_add_peer_of(struct wait_ctx *c, uint32_t wait, const struct snap_sock *k,
		     const char *what);

/*
 * Ready by its own queues and state, so that a wait for that ends at once: TERM_NOW is added and
 * true returned. What was cut off or has unread bytes is readable.
 */
bool net_is_ready(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k);

/*
 * The time-out that a blocked call on the socket has of its own (SO_RCVTIMEO, SO_SNDTIMEO), as the
 * last term. Sets have theirs in the call.
 */
void net_add_timeout(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k);

/* When TCP itself gives up a connection whose window stays closed, also for a set. */
void net_add_user_timeout(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k);
