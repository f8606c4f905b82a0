/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/net/net.h"

#include "read/borrow.h"

#include <arpa/inet.h>
#include <string.h>

enum { SHUT_RECEIVE = 1, SHUT_SEND = 2, SHUT_UNKNOWN = 0xff };

/* ---- addresses ------------------------------------------------------------------------------ */

static bool is_ipv4(const uint8_t address[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, mapped, sizeof(mapped));
}

static struct net_name format_address(const uint8_t address[16], uint16_t port)
{
	char text[INET6_ADDRSTRLEN] = "?";
	struct net_name name;

	if (is_ipv4(address)) {
		inet_ntop(AF_INET, address + 12, text, sizeof(text));
		snprintf(name.text, sizeof(name.text), "%s:%u", text, port);
	} else {
		inet_ntop(AF_INET6, address, text, sizeof(text));
		snprintf(name.text, sizeof(name.text), "[%s]:%u", text, port);
	}
	return name;
}

struct net_name net_local(const struct snapshot *s, const struct snap_sock *k)
{
	struct net_name name;

	if (k->family != AF_UNIX)
		return format_address(k->local, k->local_port);
	if (k->path)
		snprintf(name.text, sizeof(name.text), "unix socket %s", snapshot_str(s, k->path));
	else
		snprintf(name.text, sizeof(name.text), "a unix socket without a name");
	return name;
}

struct net_name net_remote(const struct snap_sock *k)
{
	return format_address(k->remote, k->remote_port);
}

bool net_is_loopback(const uint8_t address[16])
{
	static const uint8_t one[16] = { [15] = 1 };

	return is_ipv4(address) ? address[12] == 127 : !memcmp(address, one, sizeof(one));
}

bool net_is_any(const uint8_t address[16])
{
	static const uint8_t zero[16] = { 0 };

	return !memcmp(address + 12, zero, 4) && (is_ipv4(address) || !memcmp(address, zero, 16));
}

/* ---- sockets -------------------------------------------------------------------------------- */

const struct snap_sock *net_sock(struct wait_ctx *c, const struct wait_fd *f, uint16_t family,
				 uint16_t type)
{
	const struct snap_sock *k = wait_sock(c, f->file);

	if (!k || (family && k->family != family) || (type && k->type != type))
		return NULL;
	return k;
}

static void add_end(struct wait_ctx *c, uint32_t wait, const struct find_target *t,
		    const char *what)
{
	uint32_t own = model_wait(wait_model(c), wait)->object;
	uint32_t peer = find_holders(c, wait, t, &(struct term){ .as = AS_PEER }, what);

	model_object(wait_model(c), peer)->relevant = true;
	if (own && own != peer && !model_object(wait_model(c), own)->peer)
		model_object(wait_model(c), own)->peer = peer;
}

void net_add_peer(struct wait_ctx *c, uint32_t wait, uint64_t ino, const char *what)
{
	struct find_target t = find_of_sock(ino);

	add_end(c, wait, &t, what);
}

void net_add_peer_of(struct wait_ctx *c, uint32_t wait, const struct snap_sock *k, const char *what)
{
	struct find_target t = find_of_peer(k);

	add_end(c, wait, &t, what);
}

bool net_is_ready(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	uint8_t closed = k->shutdown == SHUT_UNKNOWN ? 0 : k->shutdown;

	if (f->edge)
		return false;
	if (f->mode & MODE_READ && k->rqueue) {
		wait_now(c, f->wait, "unread data is there");
		return true;
	}
	if (f->mode & MODE_READ && closed & SHUT_RECEIVE) {
		wait_now(c, f->wait, "the connection was shut down: end of file");
		return true;
	}
	if (f->mode & MODE_WRITE && closed & SHUT_SEND) {
		wait_now(c, f->wait, "the connection was shut down: broken pipe");
		return true;
	}
	return false;
}

/* False: they could not be read, and the wait says so. */
static bool timeouts_of(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k,
			struct sock_timeouts *t)
{
	int rc;

	t->receive_ms = k->rcvtimeo_ms;
	t->send_ms = k->sndtimeo_ms;
	t->user_ms = k->user_timeout_ms;
	if (k->timeouts_known)
		return true;
	rc = sock_timeouts_read(f->file->tgid, f->file->fd, t);
	if (rc < 0)
		wait_unknown(c, f->wait, "whether the socket has a time-out could not be read: %s",
			     strerror(-rc));
	return rc == 0;
}

void net_add_timeout(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	struct sock_timeouts t;

	/* poll(2) and its kin do not look at a socket's own time-outs */
	if (f->in_set || !timeouts_of(c, f, k, &t))
		return;
	if (f->mode & MODE_READ ? t.receive_ms : t.send_ms)
		wait_timeout(c, f->task, f->wait, f->mode & MODE_READ ? t.receive_ms : t.send_ms);
}

void net_add_user_timeout(struct wait_ctx *c, const struct wait_fd *f, const struct snap_sock *k)
{
	struct sock_timeouts t;

	if (timeouts_of(c, f, k, &t) && t.user_ms)
		wait_term(c, f->wait, (struct term){ .kind = TERM_TIME },
			  "TCP gives up %u ms after the window was closed (TCP_USER_TIMEOUT)",
			  t.user_ms);
}
