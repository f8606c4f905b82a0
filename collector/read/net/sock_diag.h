/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sock_diag.h - all unix, TCP, UDP and netlink sockets of one network namespace, by sock_diag(7).
 */
#pragma once

#include "base/error.h"
#include "read/snapshot.h"

/* A dump into s->socks. */
struct sock_diag {
	struct snapshot *s;
	uint64_t net_ns; /* for the socks */
	struct {	 /* connections that wait in the queue of a listener */
		struct sock_diag_pending *at;
		uint32_t count, cap;
	} pending;
};

struct sock_diag_pending {
	uint64_t listener, client; /* inode numbers */
};

/*
 * Append the sockets of the network namespace that the calling thread is in. A family that this
 * kernel cannot dump is noted in the snapshot's missing list. -errno: no sock_diag at all.
 */
SNAG_MUST_CHECK
int sock_diag_dump(struct sock_diag *d, struct snag_error *err);

/*
 * The answer of one family, as it came from the kernel: whole netlink messages, `len` bytes. 1:
 * it ended.
 */
SNAG_MUST_CHECK
int sock_diag_parse(struct sock_diag *d, const void *data, size_t len, uint8_t protocol);
