/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include <stdio.h>
#include <string.h>

/*
 * The GIL of CPython 3.7 to 3.14 (Include/internal/pycore_gil.h, struct _gil_runtime_state):
 * unsigned long interval (5000 us), PyThreadState *last_holder, int locked, unsigned long
 * switch_number, then a glibc condition variable. A waiter waits on that with a time-out of the
 * interval, so it wakes 190 times a second and gets nowhere.
 */
enum { LAST_HOLDER = 8, LOCKED = 16, COND = 32, TSTATE_BYTES = 512, MAX_INTERVAL_US = 10000000 };
/* __g_signals inside of the condition variable, see condvar.c */
static const int8_t signals[] = { 40, 44, 32, 36 };

/*
 * The thread of a PyThreadState: its fields move with each version, but `thread_id` is always the
 * pthread_t, and from 3.11 on `native_thread_id` follows it. So look for a word that is a struct
 * pthread of a live thread; the pair with its own tid behind it needs no further read.
 */
static int32_t thread_of(const struct futex *f, uint64_t tstate)
{
	uint64_t words[TSTATE_BYTES / 8];
	int32_t tid;

	if (f->world->read(f->world->arg, tstate, words, sizeof(words)))
		return 0;
	for (size_t i = 1; i < TSTATE_BYTES / 8; i++)
		if (words[i] && words[i] <= 4194304 && futex_glibc_thread(f, words[i - 1], &tid) &&
		    (uint64_t)tid == words[i])
			return tid;
	for (size_t i = 0; i < TSTATE_BYTES / 8; i++)
		if (futex_glibc_thread(f, words[i], &tid))
			return tid;
	return 0;
}

static bool gil_at(const struct futex *f, int64_t at, struct futex_claim *claim)
{
	uint64_t interval = futex_get64(f, at, 0);
	uint64_t holder = futex_get64(f, at + LAST_HOLDER, 0);

	/*
	 * 5000 unless sys.setswitchinterval() was called; a program that did has other round
	 * numbers.
	 */
	if (!interval || interval > MAX_INTERVAL_US || interval % 10 || !holder || holder % 8)
		return false;
	if (futex_get32(f, at + LOCKED, 0) != 1)
		return false;
	claim->owner = thread_of(f, holder);
	claim->kind = WAIT_GIL;
	claim->what = "GIL";
	claim->base = f->uaddr + (uint64_t)at;
	claim->completion = true;
	return claim->owner != 0;
}

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	if (f->cmd != CMD_WAIT_BITSET || !f->private || f->realtime || !f->world)
		return false;
	for (size_t i = 0; i < sizeof(signals); i++)
		if (gil_at(f, -(int64_t)(COND + signals[i]), claim))
			return true;
	return false;
}

const struct futex_kind futex_gil = { .name = "gil", .recognise = recognise };
