/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * condition.c - threading.Condition and what Lib/threading.py makes of it: Event, Semaphore,
 * Barrier.
 *
 * Condition.wait() makes a lock of its own for each waiter, which notify() releases. Nobody is
 * recorded who would: any thread may.
 */
#include "runtimes/python/locks/parked.h"

#include <inttypes.h>

static uint64_t self_of(struct py_parked *x, const struct py_frame *f, const char *type)
{
	uint64_t self = py_parked_local(x, f, "self");

	return self && py_derives(x->py->objs, self, type) ? self : 0;
}

static bool find_condition(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = self_of(x, f, "Condition"), waiters;

	/* it may be at its own lock again, after it was notified */
	if (!self || !py_parked_at(x, py_parked_local(x, f, "waiter")))
		return false;
	/* a deque: how many items it has is where all containers have it */
	waiters = py_mem_u64(x->py->mem, py_parked_attr(x, self, "_waiters") + PY_OB_SIZE);
	py_parked_make(x, WAIT_CONDVAR, "threading.Condition", self);
	py_parked_says(x, "waiting for threading.Condition to be notified");
	jsonw_uint(&x->detail, "waiters", waiters);
	return true;
}

/* Condition.wait_for(), Barrier._wait(): part of the way to what is told. */
static bool find_wait_for(struct py_parked *x, const struct py_frame *f)
{
	return py_parked_in(x, "threading.Condition", py_parked_local(x, f, "self"));
}

static bool find_event(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = self_of(x, f, "Event");

	if (!py_parked_in(x, "threading.Condition", py_parked_attr(x, self, "_cond")))
		return false;
	py_parked_make(x, WAIT_EVENT, "threading.Event", self);
	py_parked_says(x, "waiting for threading.Event to be set");
	return true;
}

static bool find_semaphore(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = self_of(x, f, "Semaphore");

	if (!py_parked_in(x, "threading.Condition", py_parked_attr(x, self, "_cond")))
		return false;
	py_parked_make(x, WAIT_SEMAPHORE, "threading.Semaphore", self);
	py_parked_says(x, "waiting for threading.Semaphore, whose count is %" PRId64,
		       py_parked_int(x, self, "_value", 0));
	jsonw_int(&x->detail, "value", py_parked_int(x, self, "_value", 0));
	return true;
}

/* Who waits for the others, or for those of the last time to leave: both are in wait(). */
static bool find_barrier(struct py_parked *x, const struct py_frame *f)
{
	uint64_t self = self_of(x, f, "Barrier");
	int64_t parties = py_parked_int(x, self, "_parties", 0);
	int64_t count = py_parked_int(x, self, "_count", 0);

	if (py_parked_in(x, "threading.Barrier", self))
		return true;
	if (!py_parked_in(x, "threading.Condition", py_parked_attr(x, self, "_cond")))
		return false;
	py_parked_make(x, WAIT_BARRIER, "threading.Barrier", self);
	x->park.completion = true;
	py_parked_says(x,
		       "waiting at threading.Barrier, where %" PRId64 " of %" PRId64
		       " threads have come",
		       count, parties);
	jsonw_int(&x->detail, "parties", parties);
	jsonw_int(&x->detail, "waiting", count);
	return true;
}

static const struct py_place places[] = {
	{ "/threading.py", "wait", find_condition },
	{ "/threading.py", "wait", find_event },
	{ "/threading.py", "wait", find_barrier },
	{ "/threading.py", "_wait", find_barrier },
	{ "/threading.py", "_enter", find_barrier },
	{ "/threading.py", "wait_for", find_wait_for },
	{ "/threading.py", "acquire", find_semaphore },
	{ "/threading.py", "__enter__", find_semaphore },
	{ 0 },
};

const struct py_lock_kind py_lock_condition = { .name = "condition", .places = places };
