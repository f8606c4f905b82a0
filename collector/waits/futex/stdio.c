/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include <stdio.h>

/*
 * _IO_lock_t of glibc (sysdeps/nptl/stdio-lock.h): int lock; int cnt; void *owner, the thread's
 * struct pthread.
 */
enum { COUNT = 4, OWNER = 8, CONTENDED = 2, MAX_DEPTH = 1 << 16 };

/*
 * The owner must be a true struct pthread of a live thread: a raw lock has nothing like it behind
 * it.
 */
static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	uint64_t owner;
	int32_t tid;

	if (f->cmd != CMD_WAIT || !f->private || f->val != CONTENDED)
		return false;
	if (futex_get32(f, 0, 0) != CONTENDED || futex_get32(f, COUNT, UINT32_MAX) > MAX_DEPTH)
		return false;
	if (!futex_u64(f, OWNER, &owner) || !futex_glibc_thread(f, owner, &tid))
		return false;
	claim->kind = WAIT_MUTEX;
	claim->what = "stdio lock";
	claim->base = f->uaddr;
	claim->owner = tid;
	claim->completion = true;
	return true;
}

const struct futex_kind futex_stdio = { .name = "stdio", .recognise = recognise };
