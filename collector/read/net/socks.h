/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socks.h - sockets and their peers, by sock_diag(7), in every network namespace of the tree.
 */
#pragma once

#include "base/error.h"
#include "read/snapshot.h"

/*
 * Fill s->socks for all network namespaces that the tree's processes are in, once; link the files
 * to them. What cannot be entered (setns needs CAP_SYS_ADMIN) goes into the missing list.
 * Idempotent.
 */
SNAG_MUST_CHECK
int socks_load(struct snapshot *s, struct snag_error *err);

/*
 * Rebuild the lookup tables of s->socks and link the files to them. socks_load() does it; so must
 * a reader that fills s->socks itself.
 */
void socks_index(struct snapshot *s);

/* Link the files from index `first` on to sockets that are indexed. */
void socks_link_files(struct snapshot *s, uint32_t first);

/* The socket with this inode number, or NULL. Borrowed until the next load. */
const struct snap_sock *socks_find(const struct snapshot *s, uint64_t ino);

/*
 * The other end of `k`: unix by peer inode; TCP and connected UDP on this host by the reversed
 * addresses, in any known network namespace. NULL: there is none here. A peer with ino 0 is not
 * accepted yet: see socks_listener().
 */
const struct snap_sock *socks_peer(const struct snapshot *s, const struct snap_sock *k);

/*
 * The listener that a connection to the remote address of `k` goes to, or NULL. With SO_REUSEPORT
 * it is one of several: follow next_listener.
 */
const struct snap_sock *socks_listener(const struct snapshot *s, const struct snap_sock *k);

/*
 * The listening or bound datagram unix socket at (dev, ino) of the file system, or by abstract
 * name.
 */
const struct snap_sock *socks_unix_bound(const struct snapshot *s, uint64_t dev, uint64_t ino,
					 const char *abstract);
