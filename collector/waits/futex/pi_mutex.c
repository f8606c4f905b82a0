/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/glibc_mutex.h"

/*
 * FUTEX_LOCK_PI: the word is the owner's tid by the kernel's own protocol
 * (Documentation/locking/pi-futex.rst), whichever library asks, so nothing else needs to fit.
 */
static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	uint32_t word;

	if (f->cmd != CMD_LOCK_PI && f->cmd != CMD_LOCK_PI2)
		return false;
	if (!futex_u32(f, 0, &word))
		return false;
	claim->kind = WAIT_MUTEX;
	claim->what = "PI mutex";
	claim->base = f->uaddr;
	claim->owner = (int32_t)(word & FUTEX_TID);
	claim->dies_with_owner = true;
	claim->completion = true;
	return true;
}

const struct futex_kind futex_pi_mutex = { .name = "pi_mutex", .recognise = recognise };
