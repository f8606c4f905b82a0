/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/glibc_mutex.h"

#include <stdio.h>

/* struct __pthread_mutex_s on x86-64. */
enum { COUNT = 4, OWNER = 8, NUSERS = 12, KIND = 16, SIZE = 40, MAX_USERS = 1 << 16 };

bool glibc_mutex_held(const struct futex *f, struct glibc_mutex *m)
{
	const uint32_t legal = MUTEX_TYPE | MUTEX_ROBUST | MUTEX_PI | MUTEX_PROTECT | MUTEX_SHARED |
			       MUTEX_ELISION;

	if (!futex_reach(f, 0, SIZE))
		return false;
	m->lock = futex_get32(f, 0, 0);
	m->count = futex_get32(f, COUNT, 0);
	m->owner = (int32_t)futex_get32(f, OWNER, 0);
	m->nusers = futex_get32(f, NUSERS, 0);
	m->kind = futex_get32(f, KIND, 0);
	if (m->kind & ~legal || m->owner <= 0 || m->owner > TID_LIMIT)
		return false;
	/* Besides the owner, waiters of a condition variable count as users: one at least. */
	return m->nusers >= 1 && m->nusers <= MAX_USERS;
}

void glibc_mutex_note(const struct glibc_mutex *m, struct futex_claim *claim)
{
	static const char *const types[] = { "", "recursive", "error-checking", "adaptive" };
	const char *type = types[m->kind & MUTEX_TYPE];
	char times[32] = "";

	if ((m->kind & MUTEX_TYPE) == MUTEX_RECURSIVE)
		snprintf(times, sizeof(times), ", locked %u time%s", m->count,
			 m->count == 1 ? "" : "s");
	snprintf(claim->note, sizeof(claim->note), "%s%s%s%s", type, times,
		 *type && m->kind & MUTEX_SHARED ? ", " : "",
		 m->kind & MUTEX_SHARED ? "process-shared" : "");
}
