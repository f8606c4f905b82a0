/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accept.c - a listener, of whatever family, waits for somebody to connect.
 */
#include "waits/net/net.h"

#include <sys/socket.h>

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct snap_sock *k = net_sock(c, f, 0, 0);
	struct net_name name;

	if (!k || k->state != SOCK_LISTENING)
		return false;
	name = net_local(wait_snapshot(c), k);
	wait_describe(c, f->wait, WAIT_ACCEPT, "waiting for a connection to %s (fd %d)", name.text,
		      f->fd);
	if (k->rqueue && !f->edge)
		wait_now(c, f->wait, "a connection is waiting to be accepted");
	else
		wait_new(c, f->wait, "a new connection to %s", name.text);
	net_add_timeout(c, f, k);
	return true;
}

const struct wait_kind wait_accept = {
	.name = "accept",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
