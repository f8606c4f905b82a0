/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/objects.h"

#include <jansson.h>
#include <sys/socket.h>

static void json_guard(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(json_guard)

static void put_int(json_t *o, const char *name, uint64_t value)
{
	json_object_set_new(o, name, json_integer((json_int_t)value));
}

/*
 * A string of the target may be no UTF-8: then it is left out, the key and label still name the
 * object.
 */
static void put_text(json_t *o, const char *name, const char *text)
{
	json_t *value = text && *text ? json_string(text) : NULL;

	if (value)
		json_object_set_new(o, name, value);
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

static void detail_socket(json_t *o, const struct snapshot *s, const struct snap_sock *k)
{
	if (!k)
		return;
	put_text(o, "family", family_word(k->family));
	put_text(o, "type", type_word(k->type));
	put_text(o, "state", state_word(k->state));
	if (k->protocol)
		put_int(o, "protocol", k->protocol);
	put_int(o, "receive_queue", k->rqueue);
	put_int(o, "send_queue", k->wqueue);
	if (k->peer_ino)
		put_int(o, "peer_inode", k->peer_ino);
	if (k->listener_ino)
		put_int(o, "listener_inode", k->listener_ino);
	if (k->in_flight_fds && k->in_flight_fds != UINT32_MAX)
		put_int(o, "descriptors_queued", k->in_flight_fds);
	if (k->net_ns)
		put_int(o, "net_ns", k->net_ns);
	put_text(o, "path", snapshot_str(s, k->path));
	if (timer_word(k->timer)) {
		put_text(o, "timer", timer_word(k->timer));
		put_int(o, "timer_ms", k->timer_ms);
	}
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void detail_pipe(json_t *o, const struct snapshot *s, const struct snap_file *f)
{
	if (!s->has_pipe_counts || f->pipe_readers == UINT32_MAX || f->pipe_writers == UINT32_MAX)
		return;
	put_int(o, "readers", f->pipe_readers);
	put_int(o, "writers", f->pipe_writers);
	if (f->pipe_slots == UINT32_MAX || !f->pipe_slots)
		return;
	put_int(o, "buffers_used", f->pipe_used);
	put_int(o, "buffers", f->pipe_slots);
}

/* Only what was read: on procfs the details may have been denied. */
static void detail_of_kind(json_t *o, const struct snap_file *f)
{
	if (!f->details)
		return;
	switch (f->kind) {
	case FILE_EVENTFD:
		put_int(o, "count", f->value);
		break;
	case FILE_TIMERFD:
		put_int(o, "left_ns", f->expires_ns);
		put_int(o, "interval_ns", f->interval_ns);
		break;
	case FILE_SIGNALFD:
		put_int(o, "mask", f->sigmask);
		break;
	case FILE_PIDFD:
		put_int(o, "pid", f->value);
		break;
	case FILE_EPOLL:
		put_int(o, "items", f->item_count);
		if (f->items_cut)
			json_object_set_new(o, "items_cut", json_true());
		break;
	case FILE_PTY_MASTER:
		put_int(o, "pty", f->value);
		break;
	case FILE_FUSE_DEV:
		put_int(o, "connection", f->value);
		break;
	default:
		break;
	}
}

char *object_detail(const struct snapshot *s, const struct snap_file *f, const struct snap_sock *k)
{
	_cleanup_json_ json_t *o = NULL;

	if (f->kind == FILE_REGULAR || f->kind == FILE_DIRECTORY || f->kind == FILE_UNKNOWN)
		return NULL;
	o = json_object();
	if (f->kind == FILE_SOCKET)
		detail_socket(o, s, k);
	else if (f->kind == FILE_PIPE)
		detail_pipe(o, s, f);
	else
		detail_of_kind(o, f);
	return json_object_size(o) ? json_dumps(o, JSON_COMPACT) : NULL;
}
