/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/futex.h"

#include <stdio.h>

/* struct __pthread_rwlock_arch_t of glibc on x86-64. */
enum { WRITERS = 4, WRPHASE_FUTEX = 8, WRITERS_FUTEX = 12, PAD = 16, CUR_WRITER = 24, SHARED = 28 };
enum { FLAGS = 48, SIZE = 56, MAX_COUNT = 1 << 20 };
/* The bits of __readers and of the two futex words, nptl/pthread_rwlock_common.c. */
enum { WRPHASE = 1, WRLOCKED = 2, READERS_SHIFT = 3, FUTEX_USED = 2 };

/* All fields of a lock that begins `offset` bytes before the futex word. */
static bool fits(const struct futex *f, int64_t at, uint32_t *readers, uint32_t *writer)
{
	uint32_t shared, flags;

	if (!futex_reach(f, at, SIZE))
		return false;
	*readers = futex_get32(f, at, 0);
	*writer = futex_get32(f, at + CUR_WRITER, 0);
	shared = futex_get32(f, at + SHARED, UINT32_MAX);
	flags = futex_get32(f, at + FLAGS, UINT32_MAX);
	return futex_get64(f, at + PAD, 1) == 0 && shared <= 1 && f->private == !shared &&
	       flags <= 2 && *readers >> READERS_SHIFT <= MAX_COUNT &&
	       futex_get32(f, at + WRITERS, UINT32_MAX) <= MAX_COUNT &&
	       futex_get32(f, at + WRPHASE_FUTEX, UINT32_MAX) <= 3 &&
	       futex_get32(f, at + WRITERS_FUTEX, UINT32_MAX) <= 3 && *writer <= 4194304;
}

/*
 * A reader waits for the write phase to end (3), a primary writer for the read phase (2, `USED`
 * alone).
 */
static bool on_phase(const struct futex *f, uint32_t *readers, uint32_t *writer)
{
	if (!fits(f, -WRPHASE_FUTEX, readers, writer))
		return false;
	if (f->val == (1 | FUTEX_USED))
		return *readers & WRPHASE && *readers >> READERS_SHIFT;
	return f->val == FUTEX_USED && *readers & WRLOCKED && !*writer && *readers >> READERS_SHIFT;
}

/* A writer waits for the writers before it, which are counted only in locks that prefer writers. */
static bool on_writers(const struct futex *f, uint32_t *readers, uint32_t *writer)
{
	return f->val == (1 | FUTEX_USED) && fits(f, -WRITERS_FUTEX, readers, writer) &&
	       *readers & WRLOCKED && (*writer || *readers >> READERS_SHIFT);
}

static bool recognise(const struct futex *f, struct futex_claim *claim)
{
	uint32_t readers, writer;
	int64_t at = -WRPHASE_FUTEX;

	if ((f->cmd != CMD_WAIT && f->cmd != CMD_WAIT_BITSET) || futex_get32(f, 0, 0) != f->val)
		return false;
	if (!on_phase(f, &readers, &writer)) {
		at = -WRITERS_FUTEX;
		if (!on_writers(f, &readers, &writer))
			return false;
	}
	claim->kind = WAIT_RWLOCK;
	claim->what = "rwlock";
	claim->base = f->uaddr + (uint64_t)at;
	/* Readers are counted, not named: then anybody may be the last of them. */
	claim->owner = (int32_t)writer;
	claim->completion = true;
	if (writer)
		snprintf(claim->note, sizeof(claim->note), "held for writing");
	else
		snprintf(claim->note, sizeof(claim->note), "held by %u reader%s",
			 readers >> READERS_SHIFT, readers >> READERS_SHIFT == 1 ? "" : "s");
	return true;
}

const struct futex_kind futex_rwlock = { .name = "rwlock", .recognise = recognise };
