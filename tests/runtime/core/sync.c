/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.c - events, locks and channels: queues of parked tasks.
 *
 * Whatever wakes a task gives it what it waited for in the same step (the lock is its own, the item
 * is in its hands), so nothing can come between, and a cancel that arrives later finds a task that
 * has been served.
 */
#include <errno.h>

#include "runtime/core/event.h"
#include "runtime/core/inside.h"
#include "runtime/core/lock.h"
#include "runtime/core/memchan.h"

/* ---- event -------------------------------------------------------------------------------------
 */

void grove_event_init(struct grove_event *event, const char *name)
{
	grove_list_init(&event->waiters);
	event->waiting = 0;
	event->set = false;
	event->promise = (struct grove_promise){ .kind = SNAG_RT_PROMISE_NONE };
	grove_copy_name(event->name, sizeof(event->name), name);
}

void grove_event_promise(struct grove_event *event, const struct grove_promise *promise)
{
	event->promise = *promise;
}

void grove_event_promise_own(struct grove_event *event)
{
	struct grove_promise *promise = &event->promise;
	const struct grove_task *task = grove_current();

	if (!task)
		grove_bug("event '%s' was promised outside of a task", event->name);
	*promise = (struct grove_promise){ .kind = SNAG_RT_PROMISE_TASK, .task = task->id };
	grove_copy_name(promise->who, sizeof(promise->who), task->name);
}

void grove_event_pulse(struct grove_event *event)
{
	while (grove_wake_first(&event->waiters, 0)) {
	}
}

void grove_event_set(struct grove_event *event)
{
	event->set = true;
	grove_event_pulse(event);
}

int grove_event_wait(struct grove_event *event)
{
	struct grove_waiter waiter = { 0 };
	int rc = grove_check();

	if (rc < 0)
		return rc;
	if (event->set) {
		grove_pace();
		return 0;
	}
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_EVENT, event, event->name);

	wait.promise = &event->promise;
	return grove_wait_in(&event->waiters, &event->waiting, &waiter, &wait);
}

/* ---- lock --------------------------------------------------------------------------------------
 */

void grove_lock_init(struct grove_lock *lock, const char *name)
{
	lock->owner = NULL;
	lock->waiting = 0;
	grove_list_init(&lock->waiters);
	grove_copy_name(lock->name, sizeof(lock->name), name);
}

int grove_lock_try(struct grove_lock *lock)
{
	struct grove_task *task = grove_current();

	if (!task)
		grove_bug("lock '%s' was asked for outside of a task", lock->name);
	if (lock->owner)
		return lock->owner == task ? -EDEADLK : -EBUSY;
	lock->owner = task;
	return 0;
}

int grove_lock_acquire(struct grove_lock *lock)
{
	struct grove_waiter waiter = { 0 };
	int rc = grove_check();

	if (rc < 0)
		return rc;
	rc = grove_lock_try(lock);
	if (rc == 0)
		grove_pace();
	if (rc != -EBUSY)
		return rc;
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_LOCK, lock, lock->name);

	return grove_wait_in(&lock->waiters, &lock->waiting, &waiter, &wait);
}

void grove_lock_release(struct grove_lock *lock)
{
	if (!lock->owner || lock->owner != grove_current())
		grove_bug("lock '%s' was released by who does not have it", lock->name);
	const struct grove_waiter *next = grove_wake_first(&lock->waiters, 0);

	lock->owner = next ? next->task : NULL;
}

/* ---- channel -----------------------------------------------------------------------------------
 */

struct grove_chan {
	struct grove_pipe *chan;
	bool sends;
};

static struct grove_chan *end_new(struct grove_pipe *chan, bool sends)
{
	struct grove_chan *end = grove_alloc(1, sizeof(*end));

	end->chan = chan;
	end->sends = sends;
	if (sends)
		chan->senders++;
	else
		chan->receivers++;
	return end;
}

void grove_chan_open(const char *name, size_t capacity, struct grove_chan **tx,
		     struct grove_chan **rx)
{
	struct grove_pipe *chan = grove_alloc(1, sizeof(*chan));

	chan->capacity = capacity;
	chan->ring = grove_alloc(capacity, sizeof(*chan->ring));
	grove_list_init(&chan->sending);
	grove_list_init(&chan->receiving);
	grove_copy_name(chan->name, sizeof(chan->name), name);
	*tx = end_new(chan, true);
	*rx = end_new(chan, false);
}

void grove_chan_set_drop(struct grove_chan *end, void (*drop)(void *))
{
	end->chan->drop = drop;
}

struct grove_chan *grove_chan_clone(struct grove_chan *end)
{
	return end_new(end->chan, end->sends);
}

static void ring_push(struct grove_pipe *chan, void *item)
{
	chan->ring[(chan->first + chan->used) % chan->capacity] = item;
	chan->used++;
}

static void *ring_pop(struct grove_pipe *chan)
{
	void *item = chan->ring[chan->first];

	chan->first = (chan->first + 1) % chan->capacity;
	chan->used--;
	return item;
}

/* Those who are parked in a call on `end` (NULL: on any) learn that it is over. */
static void wake_all(struct grove_list *queue, const struct grove_chan *end, int rc)
{
	struct grove_list *next;

	for (struct grove_list *at = queue->next; at != queue; at = next) {
		struct grove_waiter *waiter = grove_of(at, struct grove_waiter, link);

		next = at->next;
		if (end && waiter->end != end)
			continue;
		grove_list_del(at);
		(*waiter->count)--;
		grove_unpark(waiter->task, rc);
	}
}

static void drop_rest(struct grove_pipe *chan)
{
	while (chan->used > 0) {
		void *item = ring_pop(chan);

		if (chan->drop)
			chan->drop(item);
	}
}

void grove_chan_close(struct grove_chan *end)
{
	if (!end)
		return;
	struct grove_pipe *chan = end->chan;

	wake_all(end->sends ? &chan->sending : &chan->receiving, end, -EBADF);
	if (end->sends && --chan->senders == 0)
		wake_all(&chan->receiving, NULL, -EPIPE);
	if (!end->sends && --chan->receivers == 0) {
		wake_all(&chan->sending, NULL, -EPIPE);
		drop_rest(chan);
	}
	free(end);
	if (chan->senders > 0 || chan->receivers > 0)
		return;
	free(chan->ring);
	free(chan);
}

int grove_chan_send_nowait(struct grove_chan *tx, void *item)
{
	struct grove_pipe *chan = tx->chan;

	if (!tx->sends)
		grove_bug("channel '%s': sent at a receiving end", chan->name);
	if (chan->receivers == 0)
		return -EPIPE;
	struct grove_waiter *receiver = grove_wake_first(&chan->receiving, 0);

	if (receiver)
		receiver->item = item;
	else if (chan->used < chan->capacity)
		ring_push(chan, item);
	else
		return -EAGAIN;
	return 0;
}

int grove_chan_send(struct grove_chan *tx, void *item)
{
	struct grove_waiter waiter = { .item = item, .end = tx };
	struct grove_pipe *chan = tx->chan;
	int rc = grove_check();

	if (rc < 0)
		return rc;
	rc = grove_chan_send_nowait(tx, item);
	if (rc == 0)
		grove_pace();
	if (rc != -EAGAIN)
		return rc;
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_SEND, chan, chan->name);

	return grove_wait_in(&chan->sending, &chan->waiting_senders, &waiter, &wait);
}

int grove_chan_recv_nowait(struct grove_chan *rx, void **item)
{
	struct grove_pipe *chan = rx->chan;
	const struct grove_waiter *sender;

	if (rx->sends)
		grove_bug("channel '%s': received at a sending end", chan->name);
	if (chan->used > 0) {
		*item = ring_pop(chan);
		sender = grove_wake_first(&chan->sending, 0);
		if (sender)
			ring_push(chan, sender->item);
		return 0;
	}
	sender = grove_wake_first(&chan->sending, 0);
	if (!sender)
		return chan->senders == 0 ? -EPIPE : -EAGAIN;
	*item = sender->item;
	return 0;
}

int grove_chan_recv(struct grove_chan *rx, void **item)
{
	struct grove_waiter waiter = { .end = rx };
	struct grove_pipe *chan = rx->chan;
	int rc = grove_check();

	if (rc < 0)
		return rc;
	rc = grove_chan_recv_nowait(rx, item);
	if (rc == 0)
		grove_pace();
	if (rc != -EAGAIN)
		return rc;
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_RECEIVE, chan, chan->name);

	rc = grove_wait_in(&chan->receiving, &chan->waiting_receivers, &waiter, &wait);
	if (rc == 0)
		*item = waiter.item;
	return rc;
}

void grove_chan_stats(const struct grove_chan *end, struct grove_chan_stats *stats)
{
	const struct grove_pipe *chan = end->chan;

	*stats = (struct grove_chan_stats){
		.used = chan->used,
		.capacity = chan->capacity,
		.senders = chan->senders,
		.receivers = chan->receivers,
		.waiting_senders = chan->waiting_senders,
		.waiting_receivers = chan->waiting_receivers,
	};
}
