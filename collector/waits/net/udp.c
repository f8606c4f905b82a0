/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udp.c - UDP: a connected socket hears its peer alone, any other one whoever can reach its port.
 */
#include "waits/net/net.h"

#include <string.h>
#include <sys/socket.h>

static bool is_udp(const struct snap_sock *k)
{
	return (k->family == AF_INET || k->family == AF_INET6) && k->type == SOCK_DGRAM;
}

/* A socket that is bound to where `k` sends, but not connected back to it. */
static const struct snap_sock *find_server(const struct snapshot *s, const struct snap_sock *k)
{
	for (uint32_t i = 0; i < s->socks.count; i++) {
		const struct snap_sock *o = &s->socks.at[i];

		if (is_udp(o) && o->net_ns == k->net_ns && !o->remote_port &&
		    o->local_port == k->remote_port && o->ino &&
		    (net_is_any(o->local) || !memcmp(o->local, k->remote, sizeof(o->local))))
			return o;
	}
	return NULL;
}

static void add_connected(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snapshot *s = wait_snapshot(c);
	const struct snap_sock *peer = socks_peer(s, k);

	if (!peer || !peer->ino)
		peer = find_server(s, k);
	if (peer)
		net_add_peer(c, f->wait, peer->ino, "the other end");
	else if (net_is_loopback(k->remote))
		wait_new(c, f->wait, "somebody who binds %s", net_remote(k).text);
	else
		wait_outside(c, f->wait, "%s", net_remote(k).text);
}

static void add_unconnected(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snapshot *s = wait_snapshot(c);

	wait_new(c, f->wait, "a datagram to %s", net_local(s, k).text);
	for (uint32_t i = 0; i < s->socks.count; i++) {
		const struct snap_sock *o = &s->socks.at[i];

		if (is_udp(o) && o->remote_port && o->ino && find_server(s, o) == k)
			net_add_peer(c, f->wait, o->ino, "a sender's socket");
	}
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct snap_sock *k = net_sock(c, f, 0, SOCK_DGRAM);
	bool writes = !(f->mode & MODE_READ) && f->mode & MODE_WRITE;

	if (!k || !is_udp(k))
		return false;
	model_wait(wait_model(c), f->wait)->input = !writes;
	wait_describe(c, f->wait, WAIT_UDP, "%s UDP %s (fd %d)",
		      writes ? "sending from" : "receiving on", net_local(wait_snapshot(c), k).text,
		      f->fd);
	if (net_is_ready(c, f, k))
		return true;
	if (writes)
		wait_outside(c, f->wait, "the network device that sends for %s",
			     net_local(wait_snapshot(c), k).text);
	else if (k->remote_port)
		add_connected(c, f, k);
	else
		add_unconnected(c, f, k);
	return true;
}

const struct wait_kind wait_udp = {
	.name = "udp",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
