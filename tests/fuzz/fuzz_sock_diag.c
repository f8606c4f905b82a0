/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_sock_diag.c - answers of the kernel to a dump of sockets, and the lookups over them.
 */
#include "read/net/sock_diag.h"

#include "read/net/socks.h"

#include <netinet/in.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct sock_diag d = { .s = s };

	if (sock_diag_parse(&d, data, size, size % 2 ? IPPROTO_TCP : IPPROTO_UDP) < 0 &&
	    s->socks.count > size)
		abort();
	socks_index(s);
	for (uint32_t i = 0; i < s->socks.count; i++) {
		const struct snap_sock *k = &s->socks.at[i];

		if (k->ino && !socks_find(s, k->ino))
			abort();
		socks_peer(s, k);
		socks_listener(s, k);
		socks_unix_bound(s, k->vfs_dev, k->vfs_ino, NULL);
		if (k->next_listener > s->socks.count || k->next_listener == i + 1)
			abort();
	}
	vec_release(&d.pending);
	return 0;
}
