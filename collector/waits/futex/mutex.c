/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/glibc_mutex.h"

/* A word that is locked with waiters: lll_lock_wait() of glibc's nptl/lowlevellock.c sets 2. */
enum { CONTENDED = 2, CEILING_SHIFT = 19 };

/* The priority ceiling of PTHREAD_PRIO_PROTECT mutexes lives in the upper bits of the word. */
static bool contended(const struct glibc_mutex *m)
{
	if (m->kind & MUTEX_PROTECT)
		return (m->lock & ((1u << CEILING_SHIFT) - 1)) == CONTENDED;
	return m->lock == CONTENDED;
}

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	struct glibc_mutex m;

	if ((f->cmd != CMD_WAIT && f->cmd != CMD_WAIT_BITSET) || !glibc_mutex_held(f, &m))
		return false;
	if (m.kind & (MUTEX_ROBUST | MUTEX_PI) || m.lock != f->val || !contended(&m))
		return false;
	if (f->private == !!(m.kind & MUTEX_SHARED))
		return false;
	/* Only recursive ones count, the others leave it 0 (a ceiling mutex sets 1). */
	if ((m.kind & MUTEX_TYPE) == MUTEX_RECURSIVE ? !m.count :
						       m.count > !!(m.kind & MUTEX_PROTECT))
		return false;
	claim->kind = WAIT_MUTEX;
	claim->what = "mutex";
	claim->base = f->uaddr;
	claim->owner = m.owner;
	claim->completion = true;
	glibc_mutex_note(&m, claim);
	return true;
}

const struct futex_kind futex_mutex = { .name = "mutex", .recognise = recognise };
