/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * future.c - futures of concurrent.futures, and which thread of a pool works on them.
 *
 * A future does not say who will set it. A thread of a ThreadPoolExecutor does: it is in
 * _WorkItem.run() with the future, or in _worker() with the queue that has it
 * (Lib/concurrent/futures/thread.py). A pool whose threads all wait for what is in their own queue
 * is a circle.
 */
#include "runtimes/python/locks/parked.h"

#include <string.h>

enum {
	FRAMES_MAX = 256,
	WORKERS_MAX = 4096,
	ITEMS_MAX = 1 << 14,
	/* simplequeueobject, Modules/_queuemodule.c: up to 3.12 a list and where it begins */
	OLD_LIST = 32,
	OLD_FROM = 40,
	/* from 3.13 on a ring: where it begins, its items, its size and how many there are */
	RING_FROM = 32,
	RING_ITEMS = 40,
	RING_SIZE = 48,
	RING_COUNT = 56,
};

static const char pool_file[] = "/concurrent/futures/thread.py";

/* ---- the threads of pools -------------------------------------------------------------------- */

/* The frames of one thread from the outside in: is it one of a pool, and what does it run? */
static void read_worker(struct py_parked *x, uint32_t thread, uint64_t top, struct py_frame *frames)
{
	struct py_worker w = { .thread = thread };
	const char *cut;
	uint32_t count = py_frames(x->py, top, frames, FRAMES_MAX, &cut);

	for (uint32_t i = count; i-- > 0;) {
		const struct py_frame *f = &frames[i];

		if (!w.queue && py_parked_is(x, f, pool_file, "_worker")) {
			w.queue = py_parked_local(x, f, "work_queue");
			w.executor =
				py_deref(x->py->objs, py_parked_local(x, f, "executor_reference"));
		} else if (w.queue && !w.future && py_parked_is(x, f, pool_file, "run")) {
			w.future = py_parked_attr(x, py_parked_local(x, f, "self"), "future");
		}
	}
	if (w.queue)
		*vec_push(&x->workers) = w;
}

static void read_workers(struct py_parked *x)
{
	_cleanup_free_ struct py_frame *frames = NULL;

	if (x->workers_read)
		return;
	x->workers_read = true;
	frames = xcalloc(FRAMES_MAX, sizeof(*frames));
	for (uint32_t i = 0; i < x->py->thread_count && x->workers.count < WORKERS_MAX; i++) {
		const struct py_thread *t = &x->py->threads[i];
		uint32_t thread = t->frame ? py_parked_thread(x, t->ident) : 0;

		if (thread)
			read_worker(x, thread, t->frame, frames);
	}
}

/* ---- what waits in their queue --------------------------------------------------------------- */

static bool is_work(struct py_parked *x, uint64_t item, uint64_t future)
{
	return item && py_parked_attr(x, item, "future") == future;
}

static bool has_old(struct py_parked *x, uint64_t queue, uint64_t future)
{
	uint64_t list = py_ref(x->py->objs, queue + OLD_LIST);
	uint64_t from = py_mem_u64(x->py->mem, queue + OLD_FROM);
	uint32_t count = py_len(x->py->objs, list);

	for (uint64_t i = from; i < count && i - from < ITEMS_MAX; i++)
		if (is_work(x, py_item(x->py->objs, list, (uint32_t)i), future))
			return true;
	return false;
}

static bool has(struct py_parked *x, uint64_t queue, uint64_t future)
{
	struct py_mem *mem = x->py->mem;
	uint64_t items = py_mem_u64(mem, queue + RING_ITEMS);
	uint64_t from = py_mem_u64(mem, queue + RING_FROM);
	uint64_t size = py_mem_u64(mem, queue + RING_SIZE);
	uint64_t count = py_mem_u64(mem, queue + RING_COUNT);

	if (!py_is(x->py->objs, queue, "SimpleQueue"))
		return false;
	if (x->py->minor < 13)
		return has_old(x, queue, future);
	if (!size || size > PY_ITEMS_MAX || from >= size || count > size)
		return false;
	for (uint64_t i = 0; i < count && i < ITEMS_MAX; i++)
		if (is_work(x, py_ref(x->py->objs, items + (from + i) % size * 8), future))
			return true;
	return false;
}

/* All threads of the pool with that queue; 0 when it may get more of them. */
static uint32_t add_pool(struct py_parked *x, const struct py_worker *first)
{
	int64_t most = py_parked_int(x, first->executor, "_max_workers", 0);
	uint32_t count = 0;

	for (uint32_t i = 0; i < x->workers.count; i++)
		count += x->workers.at[i].queue == first->queue;
	/* whoever submits makes one more; nobody does when the executor is gone */
	if (first->executor && most != count)
		return 0;
	for (uint32_t i = 0; i < x->workers.count; i++)
		if (x->workers.at[i].queue == first->queue)
			py_parked_add(x, x->workers.at[i].thread);
	return count;
}

/* ---- who works on a future ------------------------------------------------------------------- */

/* What is known of a future. */
struct found {
	uint32_t runner; /* thread id: it runs it; 0 none */
	uint32_t pool;	 /* so many threads have it in their queue */
};

/* Adds who can set the future. False: nobody is known to. */
static bool find_who(struct py_parked *x, uint64_t future, struct found *ret)
{
	*ret = (struct found){ .runner = 0 };
	read_workers(x);
	for (uint32_t i = 0; i < x->workers.count; i++) {
		if (x->workers.at[i].future != future)
			continue;
		ret->runner = x->workers.at[i].thread;
		py_parked_add(x, ret->runner);
		return true;
	}
	for (uint32_t i = 0; i < x->workers.count; i++) {
		bool seen = false;

		for (uint32_t k = 0; k < i && !seen; k++)
			seen = x->workers.at[k].queue == x->workers.at[i].queue;
		if (seen || !has(x, x->workers.at[i].queue, future))
			continue;
		ret->pool = add_pool(x, &x->workers.at[i]);
		return ret->pool != 0;
	}
	return false;
}

/*
 * They are the ones, as long as nobody meddles. Future.cancel() ends a wait for one on which nobody
 * works yet (Lib/concurrent/futures/_base.py), as does shutdown(cancel_futures=True): whoever runs
 * may do so.
 */
static void owe(struct py_parked *x, bool works)
{
	x->park.as = AS_OWNER;
	x->park.cancels = !works;
	x->park.signals &= !works;
	if (works)
		x->park.doubt = strtab_add(x->m->strings,
					   "a thread of the process could set the future on which "
					   "another one works, for which a member waits");
}

static void make_future(struct py_parked *x, uint64_t future)
{
	const char *state = py_parked_text(x, py_parked_attr(x, future, "_state"));
	struct found who;

	py_parked_make(x, WAIT_FUTURE, "concurrent.futures.Future", future);
	x->park.completion = true;
	if (!find_who(x, future, &who)) {
		py_parked_says(x, "waiting for the result of a concurrent.futures.Future (%.16s)",
			       state);
		x->park.by = PARK_PROCESS;
	} else if (who.runner) {
		owe(x, true);
		py_parked_says(x, "waiting for the result of a future on which %s works",
			       py_thread_name(x->m, who.runner).text);
	} else {
		owe(x, false);
		py_parked_says(x,
			       "waiting for the result of a future in the queue of a "
			       "ThreadPoolExecutor with %u thread%s",
			       who.pool, who.pool == 1 ? "" : "s");
	}
	jsonw_string(&x->detail, "state", state);
}

static bool find_result(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = py_parked_local(x, f, "self");

	if (!py_derives(x->py->objs, self, "Future") ||
	    !py_parked_in(x, "threading.Condition", py_parked_attr(x, self, "_condition")))
		return false;
	make_future(x, self);
	return true;
}

/* wait() and as_completed(): several futures, one event. */
static bool find_several(struct py_parked *x, const struct py_frame *f)
{
	uint64_t waiter = py_parked_local(x, f, "waiter");
	uint64_t list = py_parked_local(x, f, "fs");
	uint32_t count = py_len(x->py->objs, list), left = 0;
	bool known = true, works = true;
	struct found who;

	if (!py_parked_in(x, "threading.Event", py_parked_attr(x, waiter, "event")))
		return false;
	count = count < ITEMS_MAX ? count : ITEMS_MAX;
	_cleanup_free_ uint64_t *items = xcalloc(count + 1, sizeof(*items));

	count = py_items(x->py->objs, list, items, count);
	py_parked_make(x, WAIT_FUTURE, "concurrent.futures.wait", waiter);
	x->park.completion = true;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t state = py_parked_attr(x, items[i], "_state");

		if (!py_str_is(x->py->objs, state, "PENDING") &&
		    !py_str_is(x->py->objs, state, "RUNNING"))
			continue;
		left++;
		known &= find_who(x, items[i], &who);
		works &= who.runner != 0;
	}
	if (known && left)
		owe(x, works);
	else
		x->park.by = PARK_PROCESS;
	py_parked_says(x, "waiting in concurrent.futures for %u futures that are not done", left);
	jsonw_uint(&x->detail, "pending", left);
	return true;
}

static const struct py_place places[] = {
	{ "/concurrent/futures/_base.py", "result", find_result },
	{ "/concurrent/futures/_base.py", "exception", find_result },
	{ "/concurrent/futures/_base.py", "wait", find_several },
	{ "/concurrent/futures/_base.py", "as_completed", find_several },
	{ 0 },
};

const struct py_lock_kind py_lock_future = { .name = "future", .places = places };
