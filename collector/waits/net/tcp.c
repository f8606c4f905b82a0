/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.c - TCP: connecting, receiving, sending. The far end is a socket of this host, or leads out
 * of it.
 */
#include "waits/net/net.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* idiag_timer of net/ipv4/inet_diag.c */
enum { TIMER_NONE, TIMER_RETRANSMIT, TIMER_KEEPALIVE, TIMER_TIME_WAIT, TIMER_PROBE };

static const char *timer_text(const struct snap_sock *k)
{
	switch (k->timer) {
	case TIMER_RETRANSMIT:
		return "no answer yet, sends again in";
	case TIMER_KEEPALIVE:
		return "keepalive probe in";
	case TIMER_PROBE:
		return "its window is full, probes in";
	default:
		return NULL;
	}
}

/* What sends again without an answer gives up one day (tcp_retries2, tcp_syn_retries). */
static void add_remote(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const char *timer = timer_text(k);
	struct net_name to = net_remote(k);

	if (net_is_loopback(k->remote))
		wait_unknown(c, f->wait, "no socket of this host is the other end, %s", to.text);
	else if (timer)
		wait_outside(c, f->wait, "%s (%s %u.%03u s)", to.text, timer, k->timer_ms / 1000,
			     k->timer_ms % 1000);
	else
		wait_outside(c, f->wait, "%s", to.text);
	if (k->timer == TIMER_RETRANSMIT)
		wait_term(c, f->wait, (struct term){ .kind = TERM_TIME },
			  "TCP gives up when %s does not answer", to.text);
}

/* With SO_REUSEPORT any of several listeners may be the one. False: there is none. */
static bool add_listeners(struct wait_ctx *c, uint32_t wait, const struct snap_sock *listener)
{
	const struct snapshot *s = wait_snapshot(c);
	uint32_t count = 0;

	while (listener && listener->ino && count++ < s->socks.count) {
		net_add_peer(c, wait, listener->ino, "the listener");
		listener = listener->next_listener && listener->next_listener <= s->socks.count ?
				   &s->socks.at[listener->next_listener - 1] :
				   NULL;
	}
	return count;
}

static void add_far_end(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snapshot *s = wait_snapshot(c);
	const struct snap_sock *peer = socks_peer(s, k);

	if (peer && peer->ino) {
		net_add_peer(c, f->wait, peer->ino, "the other end of this connection");
		return;
	}
	/* An embryo: this host has the other end, nobody has accepted it. */
	if (peer && add_listeners(c, f->wait, socks_listener(s, k)))
		return;
	if (peer)
		wait_unknown(c, f->wait, "who has the other end of %s", net_remote(k).text);
	else
		add_remote(c, f, k);
}

static void decode_connect(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	const struct snap_sock *listener = socks_listener(wait_snapshot(c), k);
	struct net_name to = net_remote(k);

	model_wait(wait_model(c), f->wait)->completion = true;
	wait_describe(c, f->wait, WAIT_TCP_CONNECT, "connecting to %s (fd %d)", to.text, f->fd);
	add_listeners(c, f->wait, listener);
	/*
	 * A listener of another namespace has this address too, which proves no cable between them.
	 */
	if (!listener && net_is_loopback(k->remote))
		wait_new(c, f->wait, "somebody who listens on %s", to.text);
	else if (!listener || listener->net_ns != k->net_ns)
		wait_outside(c, f->wait, "%s, which does not answer", to.text);
	wait_term(c, f->wait, (struct term){ .kind = TERM_TIME },
		  "the connection attempt is given up after some retries");
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct snap_sock *k = net_sock(c, f, 0, SOCK_STREAM);
	struct wait *w = model_wait(wait_model(c), f->wait);
	bool reads = f->mode & MODE_READ || !(f->mode & MODE_WRITE);

	if (!k || (k->family != AF_INET && k->family != AF_INET6))
		return false;
	if (k->state == SOCK_SYN_SENT) {
		decode_connect(c, f, k);
		return true;
	}
	w->input = reads;
	w->completion = !reads;
	wait_describe(c, f->wait, reads ? WAIT_TCP_RECV : WAIT_TCP_SEND, "%s TCP %s (fd %d)",
		      reads ? "receiving from" : "sending to full", net_remote(k).text, f->fd);
	if (net_is_ready(c, f, k))
		return true;
	if (k->state == SOCK_CLOSE_WAIT && f->mode & MODE_READ && !f->edge)
		wait_now(c, f->wait, "the other end has closed the connection");
	else if (k->state == SOCK_CLOSE && !f->edge)
		wait_now(c, f->wait, "the socket is not connected");
	else
		add_far_end(c, f, k);
	/* tcp_probe_timer(): also where the other end answers each probe that it has no room. */
	if (k->timer == TIMER_PROBE)
		net_add_user_timeout(c, f, k);
	net_add_timeout(c, f, k);
	return true;
}

const struct wait_kind wait_tcp = {
	.name = "tcp",
	.files = 1u << FILE_SOCKET,
	.decode_file = decode_file,
};
