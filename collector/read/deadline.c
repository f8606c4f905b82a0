/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/deadline.h"

#include "base/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Workers that did not come back hold memory, and maybe a place in somebody's queue: few are
 * enough.
 */
enum { MAX_AWAY = 8 };

static atomic_int away;

/*
 * What one worker does. It belongs to the main thread until that gives it up, then to the worker.
 */
struct batch {
	void (*fn)(void *item);
	void (*free_item)(void *item);
	void **items; /* a copy: the caller's array may be gone */
	uint32_t count;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	uint32_t done;	/* under lock: items[done] is being worked on */
	bool abandoned; /* under lock */
};

static struct batch *batch_new(void **items, uint32_t count)
{
	struct batch *b = xcalloc(1, sizeof(*b));
	pthread_condattr_t attr;

	b->items = xcalloc(count, sizeof(*b->items));
	memcpy(b->items, items, count * sizeof(*b->items));
	b->count = count;
	pthread_mutex_init(&b->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&b->ended, &attr);
	pthread_condattr_destroy(&attr);
	return b;
}

static void batch_free(struct batch *b)
{
	pthread_cond_destroy(&b->ended);
	pthread_mutex_destroy(&b->lock);
	free(b->items);
	free(b);
}

static void *worker(void *p)
{
	struct batch *b = p;
	bool more = true;

	while (more) {
		void *item = b->items[b->done];
		bool abandoned;

		b->fn(item);
		pthread_mutex_lock(&b->lock);
		abandoned = b->abandoned;
		b->done++;
		more = b->done < b->count;
		if (!more)
			pthread_cond_signal(&b->ended);
		pthread_mutex_unlock(&b->lock);
		if (abandoned) {
			b->free_item(item);
			batch_free(b);
			atomic_fetch_sub(&away, 1);
			return NULL;
		}
	}
	return NULL; /* the main thread frees the batch */
}

/* A detached thread without signals: those are the main thread's business. 0 or an errno. */
static int start(struct batch *b)
{
	sigset_t all, old;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* libdw keeps 4,096 rows of a line table on it, and more (elfutils, dwarf_getsrclines.c) */
	pthread_attr_setstacksize(&attr, 2 << 20);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&thread, &attr, worker, b);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc;
}

static struct timespec deadline_in(int timeout_ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += timeout_ms / 1000;
	t.tv_nsec += timeout_ms % 1000 * 1000000L;
	if (t.tv_nsec >= 1000000000L) {
		t.tv_nsec -= 1000000000L;
		t.tv_sec++;
	}
	return t;
}

/* Wait for the worker. True: all is done; false: given up at item *done. */
static bool wait_for(struct batch *b, int timeout_ms, uint32_t *done)
{
	struct timespec end = deadline_in(timeout_ms);
	bool ended;

	pthread_mutex_lock(&b->lock);
	*done = b->done;
	while (b->done < b->count) {
		if (pthread_cond_timedwait(&b->ended, &b->lock, &end) != ETIMEDOUT)
			continue;
		if (b->done == *done)
			break;
		*done = b->done;
		end = deadline_in(timeout_ms);
	}
	ended = b->done == b->count;
	*done = b->done;
	if (!ended) {
		b->abandoned = true;
		atomic_fetch_add(&away, 1);
	}
	pthread_mutex_unlock(&b->lock);
	if (ended)
		batch_free(b);
	return ended;
}

/* Work on items until one gets stuck: how many are dealt with, the stuck one included. */
static uint32_t run(struct batch *b, void **items, int timeout_ms, uint32_t *lost)
{
	uint32_t count = b->count, done = 0;

	if (atomic_load(&away) >= MAX_AWAY || start(b)) {
		for (uint32_t i = 0; i < count; i++) {
			b->free_item(items[i]);
			items[i] = NULL;
		}
		*lost += count;
		batch_free(b);
		return count;
	}
	if (wait_for(b, timeout_ms, &done))
		return count;
	items[done] = NULL;
	(*lost)++;
	return done + 1;
}

uint32_t deadline_each(void (*fn)(void *item), void **items, uint32_t count,
		       void (*free_item)(void *item), int timeout_ms)
{
	uint32_t lost = 0;

	for (uint32_t from = 0; from < count;) {
		struct batch *b = batch_new(items + from, count - from);

		b->fn = fn;
		b->free_item = free_item;
		from += run(b, items + from, timeout_ms, &lost);
	}
	return lost;
}

struct call {
	int (*fn)(void *arg);
	void *arg;
	void (*free_arg)(void *arg);
	int rc;
};

static void call_run(void *item)
{
	struct call *c = item;
	int rc = c->fn(c->arg);

	c->rc = rc == -ETIMEDOUT ? -EIO : rc;
}

static void call_free(void *item)
{
	struct call *c = item;

	c->free_arg(c->arg);
	free(c);
}

int deadline_call(int (*fn)(void *arg), void *arg, void (*free_arg)(void *arg), int timeout_ms)
{
	struct call *c = xcalloc(1, sizeof(*c));
	void *item = c;
	int rc;

	c->fn = fn;
	c->arg = arg;
	c->free_arg = free_arg;
	if (deadline_each(call_run, &item, 1, call_free, timeout_ms))
		return -ETIMEDOUT;
	rc = c->rc;
	free(c);
	return rc;
}
