/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unix_stream.c - a connected unix socket of type stream or seqpacket: its peer's holders can act.
 *
 * The peer of a connection that was not accepted yet has no inode: then it is up to the listener's
 * holders.
 */
#include "waits/net/net.h"

#include <sys/socket.h>

static void add_far_end(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	if (k->peer_ino)
		net_add_peer_of(c, f->wait, k, "the other end of this connection");
	else if (k->listener_ino)
		net_add_peer(c, f->wait, k->listener_ino, "the listener that has not accepted it");
	else
		wait_unknown(c, f->wait, "the other end of socket:[%llu] was not found",
			     (unsigned long long)k->ino);
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct snap_sock *k = net_sock(c, f, AF_UNIX, 0);
	struct wait *w = model_wait(wait_model(c), f->wait);
	bool reads = f->mode & MODE_READ || !(f->mode & MODE_WRITE);
	const char *verb = reads ? "receiving from" : "sending to full";

	if (!k || k->type == SOCK_DGRAM)
		return false;
	w->input = reads;
	w->completion = !reads;
	if (!k->peer_ino && k->listener_ino)
		verb = reads ? "receiving from not yet accepted" : "sending to not yet accepted";
	wait_describe(c, f->wait, reads ? WAIT_UNIX_RECV : WAIT_UNIX_SEND,
		      "%s unix socket:[%llu] (fd %d)", verb, (unsigned long long)k->ino, f->fd);
	if (!net_is_ready(c, f, k))
		add_far_end(c, f, k);
	net_add_timeout(c, f, k);
	return true;
}

const struct wait_kind wait_unix_stream = {
	.name = "unix_stream",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
