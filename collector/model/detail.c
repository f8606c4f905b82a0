/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/objects.h"

#include "base/jsonw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* A string that is there. */
static void put_text(struct jsonw *w, const char *name, const char *text)
{
	if (text && *text)
		jsonw_string(w, name, text);
}

/* ---- sockets --------------------------------------------------------------------------------- */

static const char *family_word(uint16_t family)
{
	switch (family) {
	case AF_UNIX:
		return "unix";
	case AF_INET:
		return "inet";
	case AF_INET6:
		return "inet6";
	case AF_NETLINK:
		return "netlink";
	case AF_VSOCK:
		return "vsock";
	default:
		return NULL;
	}
}

static const char *type_word(uint16_t type)
{
	static const char *const words[] = {
		[SOCK_STREAM] = "stream",
		[SOCK_DGRAM] = "dgram",
		[SOCK_RAW] = "raw",
		[SOCK_SEQPACKET] = "seqpacket",
	};

	return type < sizeof(words) / sizeof(*words) ? words[type] : NULL;
}

static const char *state_word(uint8_t state)
{
	static const char *const words[] = {
		[SOCK_ESTABLISHED] = "established",
		[SOCK_SYN_SENT] = "syn-sent",
		[SOCK_SYN_RECV] = "syn-received",
		[SOCK_FIN_WAIT1] = "fin-wait-1",
		[SOCK_FIN_WAIT2] = "fin-wait-2",
		[SOCK_TIME_WAIT] = "time-wait",
		[SOCK_CLOSE] = "close",
		[SOCK_CLOSE_WAIT] = "close-wait",
		[SOCK_LAST_ACK] = "last-ack",
		[SOCK_LISTENING] = "listen",
		[SOCK_CLOSING] = "closing",
	};

	return state < sizeof(words) / sizeof(*words) ? words[state] : NULL;
}

static const char *timer_word(uint8_t timer)
{
	static const char *const words[] = { NULL, "retransmit", "keepalive", "time-wait",
					     "zero-window-probe" };

	return timer < sizeof(words) / sizeof(*words) ? words[timer] : NULL;
}

static void detail_socket(struct jsonw *w, const struct snapshot *s, const struct snap_sock *k)
{
	if (!k)
		return;
	put_text(w, "family", family_word(k->family));
	put_text(w, "type", type_word(k->type));
	put_text(w, "state", state_word(k->state));
	if (k->protocol)
		jsonw_uint(w, "protocol", k->protocol);
	jsonw_uint(w, "receive_queue", k->rqueue);
	jsonw_uint(w, "send_queue", k->wqueue);
	if (k->peer_ino)
		jsonw_uint(w, "peer_inode", k->peer_ino);
	if (k->listener_ino)
		jsonw_uint(w, "listener_inode", k->listener_ino);
	if (k->in_flight_fds && k->in_flight_fds != UINT32_MAX)
		jsonw_uint(w, "descriptors_queued", k->in_flight_fds);
	if (k->net_ns)
		jsonw_uint(w, "net_ns", k->net_ns);
	put_text(w, "path", snapshot_str(s, k->path));
	if (timer_word(k->timer)) {
		put_text(w, "timer", timer_word(k->timer));
		jsonw_uint(w, "timer_ms", k->timer_ms);
	}
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void detail_pipe(struct jsonw *w, const struct snapshot *s, const struct snap_file *f)
{
	if (!s->has_pipe_counts || f->pipe_readers == UINT32_MAX || f->pipe_writers == UINT32_MAX)
		return;
	jsonw_uint(w, "readers", f->pipe_readers);
	jsonw_uint(w, "writers", f->pipe_writers);
	if (f->pipe_slots == UINT32_MAX || !f->pipe_slots)
		return;
	jsonw_uint(w, "buffers_used", f->pipe_used);
	jsonw_uint(w, "buffers", f->pipe_slots);
}

/*
 * A full eventfd counts to 2^64 - 2 and a signal mask may have its highest bit, which as JSON
 * integers most readers refuse: text from 2^63 on.
 */
static void add_big(struct jsonw *w, const char *name, uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX) {
		jsonw_uint(w, name, value);
		return;
	}
	snprintf(text, sizeof(text), "%" PRIu64, value);
	jsonw_string(w, name, text);
}

/* Only what was read: on procfs the details may have been denied. */
static void detail_of_kind(struct jsonw *w, const struct snap_file *f)
{
	if (!f->details)
		return;
	switch (f->kind) {
	case FILE_EVENTFD:
		add_big(w, "count", f->value);
		break;
	case FILE_TIMERFD:
		jsonw_uint(w, "left_ns", f->expires_ns);
		jsonw_uint(w, "interval_ns", f->interval_ns);
		break;
	case FILE_SIGNALFD:
		add_big(w, "mask", f->sigmask);
		break;
	case FILE_PIDFD:
		jsonw_uint(w, "pid", f->value);
		break;
	case FILE_EPOLL:
		jsonw_uint(w, "items", f->item_count);
		if (f->items_cut)
			jsonw_bool(w, "items_cut", true);
		break;
	case FILE_PTY_MASTER:
		jsonw_uint(w, "pty", f->value);
		break;
	case FILE_FUSE_DEV:
		jsonw_uint(w, "connection", f->value);
		break;
	default:
		break;
	}
}

void object_detail(struct strbuf *b, const struct snapshot *s, const struct snap_file *f,
		   const struct snap_sock *k)
{
	struct jsonw w = { .out = b };

	if (f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY || f->kind == FILE_UNKNOWN)
		return;
	jsonw_open(&w, NULL, '{');
	if (f->kind == FILE_SOCKET)
		detail_socket(&w, s, k);
	else if (f->kind == FILE_PIPE)
		detail_pipe(&w, s, f);
	else
		detail_of_kind(&w, f);
	if (!w.comma) {
		strbuf_reset(b);
		return;
	}
	jsonw_close(&w, '}');
}
