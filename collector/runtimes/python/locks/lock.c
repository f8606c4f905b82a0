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

/* "" when the lock is in the first level of its owner. */
static void say_owner(struct py_parked *x, const char *owner, uint64_t count)
{
	if (count > 1)
		py_parked_says(x, "waiting for threading.RLock held %" PRIu64 " times by %s", count,
			       owner);
	else
		py_parked_says(x, "waiting for threading.RLock held by %s", owner);
}

static void make_rlock(struct py_parked *x, uint64_t rlock)
{
	uint64_t owner = py_mem_u64(x->py->mem, rlock + OWNER);
	uint64_t count = py_mem_u64(x->py->mem, rlock + COUNT) + (x->py->minor >= 14);
	struct py_thread_name name;

	py_parked_make(x, WAIT_MUTEX, "threading.RLock", rlock);
	/* it was let go, and the waiter is about to wake */
	py_parked_says(x, "waiting for threading.RLock");
	if (!owner)
		return;
	jsonw_uint(&x->detail, "count", count);
	name = py_parked_owner(x, owner);
	if (*name.text)
		say_owner(x, name.text, count);
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
