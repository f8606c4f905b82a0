/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include <stdio.h>

/*
 * struct pthread_barrier of glibc (sysdeps/nptl/internaltypes.h), from its futex word current_round
 * on.
 */
enum { IN = -4, ROUND = 0, COUNT = 4, SHARED = 8, OUT = 12, SIZE = 16 };
enum { FUTEX_SHARED = 128, MAX_COUNT = 1 << 20 };

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	uint32_t in, round, count, arrived;

	if (f->cmd != CMD_WAIT || !futex_u32(f, IN, &in) || !futex_reach(f, ROUND, SIZE))
		return false;
	round = futex_get32(f, ROUND, 0);
	count = futex_get32(f, COUNT, 0);
	arrived = in - round;
	if (round != f->val || count < 2 || count > MAX_COUNT || !arrived || arrived >= count)
		return false;
	if (futex_get32(f, SHARED, 1) != (f->private ? 0 : FUTEX_SHARED))
		return false;
	if (in < round || futex_get32(f, OUT, UINT32_MAX) > in)
		return false;
	claim->kind = WAIT_BARRIER;
	claim->what = "barrier";
	claim->base = f->uaddr - 4;
	claim->arrivals = count - arrived;
	claim->completion = true;
	snprintf(claim->note, sizeof(claim->note), "%u of %u have arrived", arrived, count);
	return true;
}

const struct futex_kind futex_barrier = { .name = "barrier", .recognise = recognise };
