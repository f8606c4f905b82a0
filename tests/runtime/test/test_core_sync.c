/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_sync.c - events, locks and channels.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <string.h>

#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/lock.h"
#include "runtime/core/loop.h"
#include "runtime/core/memchan.h"
#include "runtime/test/help_core.h"

TestSuite(core_sync, .init = help_begin, .fini = help_end);

/* ---- lock --------------------------------------------------------------------------------------
 */

struct turns {
	struct grove_lock lock;
	char text[32];
	size_t used;
	int holders;
};

static int take_lock(void *arg, struct grove_error *err)
{
	struct turns *turns = arg;

	(void)err;
	int rc = grove_lock_acquire(&turns->lock);

	if (rc < 0)
		return rc;
	_grove_locked_ struct grove_lock *held = &turns->lock;

	cr_assert_eq(++turns->holders, 1);
	turns->text[turns->used++] = grove_task_name(grove_current())[0];
	cr_assert_eq(grove_lock_acquire(&turns->lock), -EDEADLK);
	rc = grove_checkpoint();
	turns->holders--;
	return rc;
}

static int contend(void *arg, struct grove_error *err)
{
	struct turns *turns = arg;
	struct grove_nursery nursery, gone;

	grove_nursery_open(&nursery, "n");
	cr_assert_eq(grove_lock_acquire(&turns->lock), 0);
	grove_spawn(&nursery, "a", take_lock, turns);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_nursery_open(&gone, "gone");
	grove_spawn(&gone, "x", take_lock, turns);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_spawn(&nursery, "b", take_lock, turns);
	cr_assert_eq(grove_checkpoint(), 0);
	cr_assert_eq(turns->lock.waiting, 3);
	grove_nursery_cancel(&gone, "leaves the queue");
	cr_assert_eq(grove_nursery_exit(&gone, 0, err), 0);
	cr_assert_eq(turns->lock.waiting, 2);
	cr_assert_eq(grove_lock_try(&turns->lock), -EDEADLK);
	grove_lock_release(&turns->lock);
	/* It is the first waiter's already. */
	cr_assert_eq(grove_lock_try(&turns->lock), -EBUSY);
	int rc = grove_nursery_exit(&nursery, 0, err);

	cr_assert_null(turns->lock.owner);
	return rc;
}

Test(core_sync, lock_is_fair)
{
	struct turns turns = { .used = 0 };

	grove_lock_init(&turns.lock, "l");
	cr_assert_eq(core_run(contend, &turns), 0);
	cr_assert_str_eq(turns.text, "ab");
}

/* ---- event -------------------------------------------------------------------------------------
 */

static int wait_event(void *arg, struct grove_error *err)
{
	(void)err;
	return grove_event_wait(arg);
}

static int events(void *arg, struct grove_error *err)
{
	struct grove_event *event = arg;
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	for (int i = 0; i < 5; i++)
		grove_spawn(&nursery, "w", wait_event, event);
	cr_assert_eq(grove_checkpoint(), 0);
	cr_assert_eq(event->waiting, 5);
	grove_event_pulse(event);
	cr_assert_eq(event->waiting, 0);
	int rc = grove_nursery_exit(&nursery, 0, err);

	cr_assert_not(grove_event_is_set(event));
	grove_event_set(event);
	cr_assert_eq(grove_event_wait(event), 0);
	return rc;
}

Test(core_sync, events)
{
	struct grove_event event;

	grove_event_init(&event, "e");
	cr_assert_eq(core_run(events, &event), 0);
}

/* ---- channel -----------------------------------------------------------------------------------
 */

enum { ITEMS = 300 };

struct flow {
	struct grove_chan *tx[3], *rx[2];
	size_t sum, count;
	size_t most;
};

static int produce(void *arg, struct grove_error *err)
{
	struct flow *flow = arg;
	_grove_chan_ struct grove_chan *tx = flow->tx[grove_task_name(grove_current())[0] - '0'];
	struct grove_chan_stats stats;

	(void)err;
	for (size_t i = 1; i <= ITEMS; i++) {
		int rc = grove_chan_send(tx, (void *)(uintptr_t)i);

		if (rc < 0)
			return rc;
		grove_chan_stats(tx, &stats);
		flow->most = stats.used > flow->most ? stats.used : flow->most;
	}
	return 0;
}

static int consume(void *arg, struct grove_error *err)
{
	struct flow *flow = arg;
	_grove_chan_ struct grove_chan *rx = flow->rx[grove_task_name(grove_current())[0] - '0'];
	void *item;
	int rc;

	(void)err;
	while ((rc = grove_chan_recv(rx, &item)) == 0) {
		flow->sum += (uintptr_t)item;
		flow->count++;
	}
	return rc == -EPIPE ? 0 : rc;
}

static int pump(struct flow *flow, size_t capacity, struct grove_error *err)
{
	struct grove_nursery nursery;

	*flow = (struct flow){ .count = 0 };
	grove_chan_open("c", capacity, &flow->tx[0], &flow->rx[0]);
	flow->tx[1] = grove_chan_clone(flow->tx[0]);
	flow->tx[2] = grove_chan_clone(flow->tx[0]);
	flow->rx[1] = grove_chan_clone(flow->rx[0]);
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "0", produce, flow);
	grove_spawn(&nursery, "1", produce, flow);
	grove_spawn(&nursery, "2", produce, flow);
	grove_spawn(&nursery, "0", consume, flow);
	grove_spawn(&nursery, "1", consume, flow);
	return grove_nursery_exit(&nursery, 0, err);
}

static int pump_all(void *arg, struct grove_error *err)
{
	static const size_t capacities[] = { 0, 1, 7, 10000 };
	struct flow flow;

	(void)arg;
	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		int rc = pump(&flow, capacities[i], err);

		cr_assert_eq(rc, 0);
		cr_assert_eq(flow.count, 3 * ITEMS);
		cr_assert_eq(flow.sum, 3 * ITEMS * (ITEMS + 1) / 2);
		cr_assert_leq(flow.most, capacities[i]);
	}
	return 0;
}

Test(core_sync, channels_lose_nothing)
{
	cr_assert_eq(core_run(pump_all, NULL), 0);
	for (uint64_t seed = 1; seed < 20; seed++)
		cr_assert_eq(core_run_shuffled(pump_all, NULL, seed), 0);
}

static int dropped;

static void count_drop(void *item)
{
	dropped += (int)(intptr_t)item;
}

static int send_one(void *arg, struct grove_error *err)
{
	int rc = grove_chan_send(arg, (void *)4);

	(void)err;
	cr_assert(rc == -EPIPE || rc == -EBADF);
	return 0;
}

static int ends(void *arg, struct grove_error *err)
{
	struct grove_chan *tx, *rx, *other;
	struct grove_nursery nursery;
	void *item = NULL;

	(void)arg;
	grove_chan_open("c", 2, &tx, &rx);
	grove_chan_set_drop(tx, count_drop);
	cr_assert_eq(grove_chan_recv_nowait(rx, &item), -EAGAIN);
	cr_assert_eq(grove_chan_send_nowait(tx, (void *)1), 0);
	cr_assert_eq(grove_chan_send_nowait(tx, (void *)2), 0);
	cr_assert_eq(grove_chan_send_nowait(tx, (void *)3), -EAGAIN);
	other = grove_chan_clone(tx);
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "this end is closed", send_one, other);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_chan_close(other);
	grove_spawn(&nursery, "the receivers go", send_one, tx);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_chan_close(rx);
	cr_assert_eq(dropped, 3);
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
	cr_assert_eq(grove_chan_send(tx, (void *)1), -EPIPE);
	grove_chan_close(tx);

	/* What is in the buffer is received after the senders are gone. */
	grove_chan_open("c", 2, &tx, &rx);
	cr_assert_eq(grove_chan_send(tx, (void *)9), 0);
	grove_chan_close(tx);
	cr_assert_eq(grove_chan_recv(rx, &item), 0);
	cr_assert_eq(item, (void *)9);
	cr_assert_eq(grove_chan_recv(rx, &item), -EPIPE);
	grove_chan_close(rx);
	return 0;
}

Test(core_sync, ends_of_channels)
{
	cr_assert_eq(core_run(ends, NULL), 0);
}
