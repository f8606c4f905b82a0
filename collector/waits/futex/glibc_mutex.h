/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * glibc_mutex.h - pthread_mutex_t of glibc as bytes; the same in 2.36 and 2.43
 * (sysdeps/nptl/bits/struct_mutex.h).
 */
#pragma once

#include "waits/futex/futex.h"

enum {
	MUTEX_TYPE = 3, /* 0 normal, 1 recursive, 2 error-checking, 3 adaptive */
	MUTEX_ROBUST = 16,
	MUTEX_PI = 32,
	MUTEX_PROTECT = 64,
	MUTEX_SHARED = 128,
	MUTEX_ELISION = 256 | 512,
	MUTEX_RECURSIVE = 1,
	FUTEX_TID = 0x3fffffff,
	TID_LIMIT = 4194304, /* PID_MAX_LIMIT of include/linux/threads.h */
};

struct glibc_mutex {
	uint32_t lock, count, nusers, kind;
	int32_t owner;
};

/*
 * A held mutex whose first word is the futex word: sizes, kind bits and the user count are those of
 * a mutex that some thread owns. False for anything else, also for the raw locks inside of libc.
 */
bool glibc_mutex_held(const struct futex *f, struct glibc_mutex *m);

/* "recursive, locked 2 times, process-shared" into the claim's note. */
void glibc_mutex_note(const struct glibc_mutex *m, struct futex_claim *claim);
