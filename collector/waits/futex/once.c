/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

/*
 * pthread_once of glibc (nptl/pthread_once.c): fork generation << 2 | 1 while somebody runs the
 * function.
 */
enum { IN_PROGRESS = 1, STATE = 3, MAX_GENERATION = 64 };

/* One word tells little: it must lie in static data too, where a pthread_once_t belongs. */
static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	if (f->cmd != CMD_WAIT || !f->private || !f->static_data)
		return false;
	if ((f->val & STATE) != IN_PROGRESS || f->val >> 2 > MAX_GENERATION ||
	    futex_get32(f, 0, 0) != f->val)
		return false;
	claim->kind = WAIT_ONCE;
	claim->what = "once";
	claim->base = f->uaddr;
	claim->completion = true;
	return true;
}

const struct futex_kind futex_once = { .name = "once", .recognise = recognise };
