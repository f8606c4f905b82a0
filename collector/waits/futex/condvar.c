/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include <stdio.h>

/*
 * struct __pthread_cond_s of glibc: two group words are waited on. Where they are moved when
 * __g_refs went away (glibc 2.41); the target's version is not asked, its numbers tell.
 */
struct layout {
	int8_t refs; /* __g_refs, -1: not there */
	int8_t orig_size, wrefs, signals;
};
static const struct layout layouts[] = {
	{ .refs = 16, .orig_size = 32, .wrefs = 36, .signals = 40 }, /* glibc 2.25 to 2.40 */
	{ .refs = -1, .orig_size = 24, .wrefs = 28, .signals = 32 }, /* glibc 2.41 on */
};

enum { G1_START = 8, WREFS_SHIFT = 3, SHARED = 1, MAX_WAITERS = 1 << 22 };

/* A condition variable with at least one waiter, in group `g`. */
static bool fits(const struct futex *f, const struct layout *l, int g, uint32_t *waiters)
{
	int64_t at = -(int64_t)(l->signals + 4 * g);
	uint64_t wseq, start;
	uint32_t wrefs, refs;

	if (!futex_u64(f, at, &wseq) || !futex_u64(f, at + G1_START, &start) ||
	    !futex_u32(f, at + l->wrefs, &wrefs) || !futex_reach(f, at, 48))
		return false;
	*waiters = wrefs >> WREFS_SHIFT;
	if (!*waiters || *waiters > MAX_WAITERS || f->private == !!(wrefs & SHARED))
		return false;
	/* Both count waiters above one flag bit; this one came after the start of the first group.
	 */
	if (wseq >> 1 <= start >> 1 || (wseq >> 1) - (start >> 1) > MAX_WAITERS)
		return false;
	if (futex_get32(f, at + l->orig_size, 0) >> 2 > MAX_WAITERS)
		return false;
	if (l->refs < 0)
		return futex_get32(f, at + 40, 1) <= 1u << 20; /* __unused_initialized_1 */
	refs = futex_get32(f, at + l->refs + 4 * g, 0);
	return refs >> 1 && refs >> 1 <= *waiters && !(futex_get32(f, 0, 1) & 1);
}

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	uint32_t waiters;

	if (f->cmd != CMD_WAIT_BITSET || futex_get32(f, 0, ~f->val) != f->val)
		return false;
	for (int i = 0; i < 4; i++) {
		const struct layout *l = &layouts[i / 2];

		if (!fits(f, l, i % 2, &waiters))
			continue;
		claim->kind = WAIT_CONDVAR;
		claim->what = "condition variable";
		claim->base = f->uaddr - (uint64_t)(l->signals + 4 * (i % 2));
		snprintf(claim->note, sizeof(claim->note), "%u waiter%s", waiters,
			 waiters == 1 ? "" : "s");
		return true;
	}
	return false;
}

const struct futex_kind futex_condvar = { .name = "condvar", .recognise = recognise };
