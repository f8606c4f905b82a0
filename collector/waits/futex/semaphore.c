/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include <stdio.h>

/*
 * struct new_sem of glibc (sysdeps/nptl/internaltypes.h): value, nwaiters, private. `private` is 0
 * for a private and 128 for a shared one, FUTEX_PRIVATE and FUTEX_SHARED of lowlevellock-futex.h.
 */
enum { NWAITERS = 4, PRIVATE = 8, SIZE = 16, SHARED = 128, MAX_WAITERS = 1 << 22 };

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	uint32_t waiters = futex_get32(f, NWAITERS, 0);

	if (f->cmd != CMD_WAIT_BITSET || f->val || !futex_reach(f, 0, SIZE))
		return false;
	if (futex_get32(f, 0, 1) || !waiters || waiters > MAX_WAITERS)
		return false;
	if (futex_get32(f, PRIVATE, 1) != (f->private ? 0 : SHARED))
		return false;
	claim->kind = WAIT_SEMAPHORE;
	claim->what = "semaphore";
	claim->base = f->uaddr;
	snprintf(claim->note, sizeof(claim->note), "value 0, %u waiter%s", waiters,
		 waiters == 1 ? "" : "s");
	return true;
}

const struct futex_kind futex_semaphore = { .name = "semaphore", .recognise = recognise };
