/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

/*
 * pthread_join waits inside the struct pthread of the thread that shall exit: up to glibc 2.42 for
 * the kernel to clear its tid (offset 0x2d0), glibc 2.43 for its join state (0x628), musl for
 * detach_state (56).
 */
enum { TID = 0x2d0, PTHREAD_SIZE = 0x940, TCB_ALIGN = 64, SELF = 0x10 };
enum { MUSL_TID = 48, MUSL_DETACH_STATE = 56, MUSL_JOINABLE = 2 };

static void claim_thread(struct futex_claim *claim, uint64_t base, int32_t tid)
{
	claim->kind = WAIT_THREAD_JOIN;
	claim->what = "thread";
	claim->base = base;
	claim->owner = tid;
	claim->dies_with_owner = true;
	claim->completion = true;
}

/*
 * The word that the kernel clears when a live thread exits, still with its tid: of glibc, or of
 * whoever.
 */
static bool by_tid(const struct futex *f, struct futex_claim *claim)
{
	int32_t tid;

	if (futex_get32(f, 0, 0) != f->val || !f->val)
		return false;
	if (futex_glibc_thread(f, f->uaddr - TID, &tid) && tid == (int32_t)f->val) {
		claim_thread(claim, f->uaddr - TID, tid);
		return true;
	}
	if (!f->cleared_for || f->cleared_for != (int32_t)f->val)
		return false;
	claim_thread(claim, f->uaddr, f->cleared_for);
	return true;
}

/* Inside of a struct pthread, whatever the offset: look back for one that points at itself. */
static bool by_state(const struct futex *f, struct futex_claim *claim)
{
	uint64_t first = f->uaddr - f->before;
	int32_t tid;

	for (uint64_t pd = f->uaddr & ~(uint64_t)(TCB_ALIGN - 1); pd >= first && pd;
	     pd -= TCB_ALIGN) {
		int64_t at = -(int64_t)(f->uaddr - pd);

		if (f->uaddr - pd >= PTHREAD_SIZE)
			break;
		if (futex_get64(f, at, 0) != pd || futex_get64(f, at + SELF, 0) != pd)
			continue;
		if (f->uaddr - pd <= TID || !futex_glibc_thread(f, pd, &tid))
			return false;
		claim_thread(claim, pd, tid);
		return true;
	}
	return false;
}

static bool by_musl(const struct futex *f, struct futex_claim *claim)
{
	uint64_t base = f->uaddr - MUSL_DETACH_STATE;
	int32_t tid = (int32_t)futex_get32(f, MUSL_TID - MUSL_DETACH_STATE, 0);

	if (f->val != MUSL_JOINABLE || futex_get32(f, 0, 0) != f->val || tid <= 0)
		return false;
	if (futex_get64(f, -MUSL_DETACH_STATE, 0) != base ||
	    !f->world->has_thread(f->world->arg, tid))
		return false;
	claim_thread(claim, base, tid);
	return true;
}

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	if ((f->cmd != CMD_WAIT && f->cmd != CMD_WAIT_BITSET) || !f->world)
		return false;
	return by_tid(f, claim) || by_musl(f, claim) || by_state(f, claim);
}

const struct futex_kind futex_join = { .name = "join", .recognise = recognise };
