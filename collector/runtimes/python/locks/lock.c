/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c - threading.Lock and threading.RLock (Modules/_threadmodule.c).
 *
 * Both are written in C. A Lock does not say who took it, and any thread may release it; an RLock
 * has the ident of its owner, the only one who may.
 */
#include "runtimes/python/locks/parked.h"

#include <inttypes.h>

enum {
	/* rlockobject: up to 3.13 rlock_owner and rlock_count, then lock.thread and lock.level */
	OWNER = 24,
	COUNT = 32,
};

static bool is_lock(struct py_parked *x, uint64_t obj)
{
	return py_is(x->py->objs, obj, "lock") && py_parked_at(x, obj);
}

static bool is_rlock(struct py_parked *x, uint64_t obj)
{
	return py_derives(x->py->objs, obj, "RLock") && py_parked_at(x, obj);
}

static void make_rlock(struct py_parked *x, uint64_t rlock)
{
	uint64_t count = py_mem_u64(x->py->mem, rlock + COUNT) + (x->py->minor >= 14);
	struct py_thread_name owner;

	py_parked_make(x, WAIT_MUTEX, "threading.RLock", rlock);
	owner = py_parked_owner_at(x, rlock + OWNER);
	/* none: it was let go, and the waiter is about to wake */
	if (!*owner.text)
		py_parked_says(x, "waiting for threading.RLock");
	else if (count > 1)
		py_parked_says(x, "waiting for threading.RLock held %" PRIu64 " times by %s", count,
			       owner.text);
	else
		py_parked_says(x, "waiting for threading.RLock held by %s", owner.text);
	jsonw_uint(&x->detail, "count", *owner.text ? count : 0);
}

static void make_lock(struct py_parked *x, uint64_t lock)
{
	py_parked_make(x, WAIT_MUTEX, "threading.Lock", lock);
	x->park.completion = true;
	py_parked_says(x, "waiting for threading.Lock, which does not say who holds it");
}

static bool find_bare(struct py_parked *x)
{
	uint64_t obj = py_parked_find(x, is_rlock);

	if (obj) {
		make_rlock(x, obj);
		return true;
	}
	obj = py_parked_find(x, is_lock);
	if (obj)
		make_lock(x, obj);
	return obj != 0;
}

const struct py_lock_kind py_lock_lock = { .name = "lock", .bare = find_bare };
