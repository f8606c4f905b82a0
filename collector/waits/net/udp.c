/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * udp.c - UDP: a connected socket hears its peer alone, any other one whoever can reach its port.
 */
#include "waits/net/net.h"

#include <sys/socket.h>

static bool is_udp(const struct snap_sock *k)
{
	return (k->family == AF_INET || k->family == AF_INET6) && k->type == SOCK_DGRAM;
}

/* With SO_REUSEPORT several sockets are bound to one address. */
static const struct snap_sock *next_bound(const struct snapshot *s, const struct snap_sock *k)
{
	return k->next_listener && k->next_listener <= s->socks.count ?
		       &s->socks.at[k->next_listener - 1] :
		       NULL;
}

static void add_connected(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snapshot *s = wait_snapshot(c);
	const struct snap_sock *peer = socks_peer(s, k);
	const struct snap_sock *bound = peer && peer->ino ? NULL : socks_listener(s, k);
	uint32_t count = 0;

	if (peer && peer->ino)
		net_add_peer(c, f->wait, peer->ino, "the other end");
	/* Bound to where this one sends, but not connected back to it. */
	for (; bound && bound->ino && count++ < s->socks.count; bound = next_bound(s, bound))
		net_add_peer(c, f->wait, bound->ino, "the other end");
	if (count || (peer && peer->ino))
		return;
	if (net_is_loopback(k->remote))
		wait_new(c, f->wait, "somebody who binds %s", net_remote(k).text);
	else
		wait_outside(c, f->wait, "%s", net_remote(k).text);
}

/* Does `o` send to the address that `k` is bound to? */
static bool sends_to(const struct snapshot *s, const struct snap_sock *o, const struct snap_sock *k)
{
	const struct snap_sock *bound =
		is_udp(o) && o->remote_port && o->ino ? socks_listener(s, o) : NULL;

	for (uint32_t count = 0; bound && count < s->socks.count; count++) {
		if (bound == k)
			return true;
		bound = next_bound(s, bound);
	}
	return false;
}

static void add_unconnected(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snapshot *s = wait_snapshot(c);

	wait_new(c, f->wait, "a datagram to %s", net_local(s, k).text);
	for (uint32_t i = 0; i < s->socks.count; i++)
		if (sends_to(s, &s->socks.at[i], k))
			net_add_peer(c, f->wait, s->socks.at[i].ino, "a sender's socket");
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
	net_add_timeout(c, f, k);
	return true;
}

const struct wait_kind wait_udp = {
	.name = "udp",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
