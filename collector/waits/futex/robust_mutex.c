/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/glibc_mutex.h"

/* FUTEX_WAITERS and FUTEX_OWNER_DIED of include/uapi/linux/futex.h */
enum { OWNER_DIED = 0x40000000 };
static const uint32_t waiters = 0x80000000;

/*
 * glibc waits on a robust mutex without the private flag always, also on one that no other process
 * can see (nptl/pthreadP.h, PTHREAD_ROBUST_MUTEX_PSHARED), and the word is the owner's tid.
 */
static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	struct glibc_mutex m;

	if (f->cmd != CMD_WAIT && f->cmd != CMD_WAIT_BITSET)
		return false;
	if (f->private || !(f->val & waiters) || f->val & OWNER_DIED)
		return false;
	if (!glibc_mutex_held(f, &m) || !(m.kind & MUTEX_ROBUST) || m.kind & MUTEX_PI)
		return false;
	if (m.lock != f->val || (int32_t)(m.lock & FUTEX_TID) != m.owner)
		return false;
	claim->kind = WAIT_MUTEX;
	claim->what = "robust mutex";
	claim->base = f->uaddr;
	claim->owner = m.owner;
	claim->dies_with_owner = true;
	claim->completion = true;
	glibc_mutex_note(&m, claim);
	return true;
}

const struct futex_kind futex_robust_mutex = { .name = "robust_mutex", .recognise = recognise };
