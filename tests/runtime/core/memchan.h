/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memchan.h - a bounded queue of pointers between tasks of one loop, with two kinds of ends.
 *
 * Send waits while the buffer is full (capacity 0: until somebody receives: a rendezvous); receive
 * waits while it is empty. Each end may be cloned; a side is gone when all its clones are closed.
 * When all senders are gone, receivers get what is left and then -EPIPE ("no more"); when all
 * receivers are gone, senders get -EPIPE. First in, first out, among waiters too.
 *
 *	struct grove_chan *tx, *rx;
 *	grove_chan_open("jobs", 16, &tx, &rx);
 *	rc = grove_chan_send(tx, job);
 *	grove_chan_close(tx);
 *
 * Pointers still in the buffer when the receivers are gone are handed to `drop`, when set.
 */
#pragma once

#include "runtime/core/base.h"

struct grove_chan; /* one end */

/* A new channel; *tx and *rx are ends of the caller's, to be closed. The name is copied. */
void grove_chan_open(const char *name, size_t capacity, struct grove_chan **tx,
		     struct grove_chan **rx);

/* What frees a pointer that nobody will receive any more. For the whole channel; NULL at first. */
void grove_chan_set_drop(struct grove_chan *end, void (*drop)(void *));

/* Another end of the same side. Close it as well. */
struct grove_chan *grove_chan_clone(struct grove_chan *end) __attribute__((returns_nonnull));

/*
 * Close this end. Tasks parked in a call on *this* end get -EBADF; when it was the last of its
 * side, those on the other side see the side gone. Never a checkpoint. NULL is fine.
 */
void grove_chan_close(struct grove_chan *end);

/* Send: 0; -EPIPE: no receiver is left; -ECANCELED; -EBADF: closed meanwhile. On failure the
 * pointer is still the caller's. */
GROVE_MUST_CHECK
int grove_chan_send(struct grove_chan *tx, void *item);

/* As send, but -EAGAIN instead of waiting. Never a checkpoint. */
GROVE_MUST_CHECK
int grove_chan_send_nowait(struct grove_chan *tx, void *item);

/* Receive into *item: 0; -EPIPE: no sender is left and the buffer is empty; -ECANCELED; -EBADF. */
GROVE_MUST_CHECK
int grove_chan_recv(struct grove_chan *rx, void **item);

/* As receive, but -EAGAIN instead of waiting. Never a checkpoint. */
GROVE_MUST_CHECK
int grove_chan_recv_nowait(struct grove_chan *rx, void **item);

struct grove_chan_stats {
	size_t used, capacity;
	size_t senders, receivers;		   /* open ends */
	size_t waiting_senders, waiting_receivers; /* parked tasks */
};

/* How full it is and who waits. */
void grove_chan_stats(const struct grove_chan *end, struct grove_chan_stats *stats);

static inline void grove_chan_guard(struct grove_chan **end)
{
	grove_chan_close(*end);
}
#define _grove_chan_ _grove_cleanup_(grove_chan_guard)
