/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * channel.h - one connection between two actors: messages over a unix or TCP socket.
 *
 * One task receives; any number of tasks send. A message goes out at once when the socket takes
 * it; what it does not take is queued and written by a task of `flush`, so that a sender that is
 * cancelled never leaves half a frame behind. Senders wait while too much is queued.
 *
 *	rc = grove_channel_connect(&address, deadline_ns, &channel, err);
 *	rc = grove_channel_hello(channel, &hello, true, err);
 *	rc = grove_channel_send(channel, &msg, err);
 */
#pragma once

#include "runtime/core/event.h"
#include "runtime/core/nursery.h"
#include "runtime/wire/msg.h"

/* Senders wait while more than this is queued. */
#define GROVE_CHANNEL_HIGH (256u << 10)
/* A peer that asks and does not read its answers: with more than this it is cut off. */
#define GROVE_CHANNEL_MOST (64u << 20)
/* A peer has so long to say hello. */
#define GROVE_HELLO_NS (5 * INT64_C(1000000000))

/* Callers read what is not behind "own"; they write nothing. */
struct grove_channel {
	int fd;
	bool unix_socket;
	int broken; /* 0, or -errno: nothing can be sent any more */
	struct grove_uid peer;
	struct grove_addrs peer_addrs;
	pid_t peer_pid; /* as the peer says; 0: it does not */
	uint64_t msgs_in, msgs_out;
	int64_t hello_ns; /* how long its hello may take; 0: GROVE_HELLO_NS */
	/* own */
	struct grove_frames in;
	struct grove_buf out;
	struct grove_nursery *flush;
	bool flushing;
	bool doomed;		    /* freed while flushing: the flush does it */
	struct grove_event drained; /* pulsed when less is queued, or the channel broke */
};

/* A channel of a connected non-blocking socket, which it owns then. `flush` outlives it. */
struct grove_channel *grove_channel_new(int fd, struct grove_nursery *flush)
	__attribute__((returns_nonnull));

/* Close the socket and free it. No task may use it any more. NULL is fine. */
void grove_channel_free(struct grove_channel *channel);
GROVE_GUARD(grove_channel)
#define _grove_channel_ _grove_cleanup_(grove_channel_free_guard)

/* Connect to an address until the deadline: -ETIMEDOUT, -ECANCELED, -errno of connect(2). */
GROVE_MUST_CHECK
int grove_channel_connect(const struct grove_multiaddr *address, int64_t deadline_ns,
			  struct grove_nursery *flush, struct grove_channel **ret,
			  struct grove_error *err);

/*
 * Say hello and hear the other's; who connected (`first`) speaks first. Bounded by hello_ns.
 * Fills peer, peer_addrs and peer_pid. -EPROTONOSUPPORT: another version, which the other side is
 * told; -EPROTO: no hello.
 */
GROVE_MUST_CHECK
int grove_channel_hello(struct grove_channel *channel, const struct grove_msg *hello, bool first,
			struct grove_error *err);

/*
 * Send a message. Waits, before anything is queued, while too much is. -ECANCELED, -EPIPE (the
 * peer or we have closed), -EMSGSIZE, -EINVAL: then nothing of it was queued.
 */
GROVE_MUST_CHECK
int grove_channel_send(struct grove_channel *channel, const struct grove_msg *msg,
		       struct grove_error *err);

/* As send, but never waits for room and is no checkpoint: for answers, and while ending. -ENOBUFS:
 * the peer takes nothing, and the channel is closed. */
int grove_channel_post(struct grove_channel *channel, const struct grove_msg *msg,
		       struct grove_error *err);

/*
 * The next message. -EPIPE: the peer has closed between messages; -ECONNRESET: in the middle of
 * one; -EMSGSIZE, -EBADMSG, -EPROTONOSUPPORT: what came is no message, and nothing can be received
 * any more; -ECANCELED.
 */
GROVE_MUST_CHECK
int grove_channel_recv(struct grove_channel *channel, struct grove_msg *ret,
		       struct grove_error *err);

/* Wait until all that is queued went out, until the deadline: 0, -ETIMEDOUT, -EPIPE, -ECANCELED. */
int grove_channel_flush(struct grove_channel *channel, int64_t deadline_ns);

/*
 * Send nothing more, and drop what comes, until the peer has closed too or the deadline: it is sure
 * to get what was sent. A TCP socket that is closed with something unread resets the connection,
 * and what the peer had not yet acknowledged is gone (RFC 1122, 4.2.2.13).
 */
void grove_channel_linger(struct grove_channel *channel, int64_t deadline_ns);

/* No more sending and receiving: the peer sees the end, our receiver wakes, senders get -EPIPE. */
void grove_channel_shut(struct grove_channel *channel);
