/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unix_dgram.c - unix datagram sockets: one may be the peer of many, or have a peer by each call.
 */
#include "waits/net/unix_path.h"

#include <sys/socket.h>
#include <sys/syscall.h>

/* ---- receiving ------------------------------------------------------------------------------ */

/* Whoever connected to this socket. How many they are. */
static uint32_t add_senders(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snapshot *s = wait_snapshot(c);
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->socks.count; i++)
		if (s->socks.at[i].family == AF_UNIX && s->socks.at[i].peer_ino == k->ino &&
		    s->socks.at[i].ino != k->ino) {
			net_add_peer(c, f->wait, s->socks.at[i].ino, "a sender's socket");
			count++;
		}
	return count;
}

static void add_receive(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	struct net_name name = net_local(wait_snapshot(c), k);

	/* unix_may_send(): a socket that is connected takes datagrams from its peer alone. */
	if (k->peer_ino) {
		net_add_peer_of(c, f->wait, k, "the other end");
		return;
	}
	if (k->path)
		wait_new(c, f->wait, "a datagram to %s", name.text);
	if (!add_senders(c, f, k) && !k->path && wait_snapshot(c)->socks_loaded)
		wait_never(c, f->wait, "the socket has no name and nobody is connected to it");
	else if (!k->path && !wait_snapshot(c)->socks_loaded)
		wait_unknown(c, f->wait, "who is connected to socket:[%llu]",
			     (unsigned long long)k->ino);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* The address of sendto(2), or of the message header of sendmsg(2) and sendmmsg(2). */
static struct unix_address address_of(struct wait_ctx *c, const struct snap_task *t)
{
	struct msghdr header;

	if (!t->has_syscall || t->compat)
		return (struct unix_address){ 0, 0 };
	if (t->nr == SYS_sendto)
		return (struct unix_address){ t->args[4], t->args[5] };
	if ((t->nr != SYS_sendmsg && t->nr != SYS_sendmmsg) ||
	    wait_mem(c, t->tgid, t->args[1], &header, sizeof(header)) < 0)
		return (struct unix_address){ 0, 0 };
	return (struct unix_address){ (uint64_t)header.msg_name, header.msg_namelen };
}

static void add_send(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snap_sock *to;
	struct unix_address at;
	struct net_name name;

	at = f->in_set ? (struct unix_address){ 0, 0 } : address_of(c, f->task);
	to = at.addr ? unix_find(c, f->task, &at, &name) : NULL;
	if (to && to->ino)
		net_add_peer(c, f->wait, to->ino, "the receiver's socket");
	else if (at.addr)
		wait_unknown(c, f->wait, "the receiver's socket %s was not found", name.text);
	else if (k->peer_ino)
		net_add_peer_of(c, f->wait, k, "the receiver's socket");
	else if (f->in_set && !f->edge)
		/*
		 * unix_dgram_poll(): without a peer only the own buffer counts, and it is nearly
		 * always free.
		 */
		wait_now(c, f->wait, "an unconnected datagram socket can send");
	else
		wait_unknown(c, f->wait, "to whom it sends");
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct snap_sock *k = net_sock(c, f, AF_UNIX, SOCK_DGRAM);
	struct wait *w = model_wait(wait_model(c), f->wait);
	bool reads = f->mode & MODE_READ || !(f->mode & MODE_WRITE);

	if (!k)
		return false;
	w->input = reads;
	w->completion = !reads;
	wait_describe(c, f->wait, reads ? WAIT_UNIX_RECV : WAIT_UNIX_SEND,
		      "%s %s (datagrams, fd %d)",
		      reads ? "receiving on" : "sending, but the receiver is full, from",
		      net_local(wait_snapshot(c), k).text, f->fd);
	if (net_is_ready(c, f, k))
		return true;
	if (reads)
		add_receive(c, f, k);
	if (f->mode & MODE_WRITE)
		add_send(c, f, k);
	net_add_timeout(c, f, k);
	return true;
}

const struct wait_kind wait_unix_dgram = {
	.name = "unix_dgram",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
