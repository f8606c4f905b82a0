/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include <stdio.h>

/* musl 1.2: src/internal/pthread_impl.h has the fields, src/thread/ the words. */
static const uint32_t waiting = 0x80000000;
enum { BUSY = 16, TID = 0x3fffffff, MAX_WAITERS = 1 << 22, TID_LIMIT = 4194304 };

/* pthread_mutex_t: int type, lock (the futex), waiters. A normal one does not say who has it. */
static bool mutex(const struct futex *f, struct futex_claim *claim)
{
	enum { TYPE = -4, WAITERS = 4, SHARED = 128, LEGAL = 15 | SHARED, ROBUST = 4, PI = 8 };
	uint32_t type = futex_get32(f, TYPE, UINT32_MAX);
	uint32_t waiters = futex_get32(f, WAITERS, 0);

	if (!(f->val & waiting) || type & ~(uint32_t)LEGAL || type & PI || !waiters ||
	    waiters > MAX_WAITERS || f->private == !!(type & SHARED))
		return false;
	if (type & (3 | ROBUST)) {
		claim->owner = (int32_t)(f->val & TID);
		if (!claim->owner || claim->owner > TID_LIMIT || f->val & (uint32_t)BUSY << 26)
			return false;
	} else if (f->val != (waiting | BUSY)) {
		return false;
	}
	claim->kind = WAIT_MUTEX;
	claim->what = "mutex";
	claim->base = f->uaddr - 4;
	claim->dies_with_owner = type & ROBUST;
	claim->completion = true;
	snprintf(claim->note, sizeof(claim->note), "%s",
		 claim->owner ? "" : "musl, which does not say who holds it");
	return true;
}

/* sem_t: value, waiters, 128 when private; waits for -1, later versions for the top bit alone. */
static bool semaphore(const struct futex *f, struct futex_claim *claim)
{
	enum { WAITERS = 4, PRIVATE = 8 };
	uint32_t waiters = futex_get32(f, WAITERS, 0);

	if ((f->val != UINT32_MAX && f->val != waiting) || !waiters || waiters > MAX_WAITERS)
		return false;
	if (futex_get32(f, PRIVATE, 1) != (f->private ? 128 : 0))
		return false;
	claim->kind = WAIT_SEMAPHORE;
	claim->what = "semaphore";
	claim->base = f->uaddr;
	snprintf(claim->note, sizeof(claim->note), "value 0, %u waiter%s", waiters,
		 waiters == 1 ? "" : "s");
	return true;
}

/* pthread_rwlock_t: lock (readers, or all ones for a writer), waiters, 128 when shared. */
static bool rwlock(const struct futex *f, struct futex_claim *claim)
{
	enum { WAITERS = 4, SHARED = 8 };
	uint32_t waiters = futex_get32(f, WAITERS, 0), held = f->val & ~waiting;

	if (!(f->val & waiting) || !held || (held != 0x7fffffff && held > MAX_WAITERS))
		return false;
	if (!waiters || waiters > MAX_WAITERS ||
	    futex_get32(f, SHARED, 1) != (f->private ? 0 : 128))
		return false;
	claim->kind = WAIT_RWLOCK;
	claim->what = "rwlock";
	claim->base = f->uaddr;
	claim->completion = true;
	if (held == 0x7fffffff)
		snprintf(claim->note, sizeof(claim->note), "held for writing");
	else
		snprintf(claim->note, sizeof(claim->note), "held by %u reader%s", held,
			 held == 1 ? "" : "s");
	return true;
}

/*
 * A private condition variable: the word is in a node on the waiter's own stack, nothing leads to
 * the object.
 */
static bool condvar(const struct futex *f, struct futex_claim *claim)
{
	enum { STATE = -4, NEXT = -12, PREV = -20, BARRIER_SET = 2, NEAR = 4096 };

	if (f->val != BARRIER_SET || !f->private || !f->sp || f->uaddr < f->sp ||
	    f->uaddr - f->sp > NEAR)
		return false;
	if (futex_get32(f, STATE, 1) || !futex_reach(f, PREV, -PREV))
		return false;
	if (futex_get64(f, NEXT, 1) % 8 || futex_get64(f, PREV, 1) % 8)
		return false;
	claim->kind = WAIT_CONDVAR;
	claim->what = "condition variable";
	claim->base = f->uaddr;
	snprintf(claim->note, sizeof(claim->note), "musl, which one cannot be seen");
	return true;
}

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	/* __wait() and __timedwait() of musl use FUTEX_WAIT, or the bitset form nowhere. */
	if (f->cmd != CMD_WAIT || futex_get32(f, 0, ~f->val) != f->val)
		return false;
	return mutex(f, claim) || semaphore(f, claim) || rwlock(f, claim) || condvar(f, claim);
}

const struct futex_kind futex_musl_sync = { .name = "musl_sync", .recognise = recognise };
