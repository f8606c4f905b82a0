/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.h - one task at a time, in the order of asking, with a known owner.
 *
 * A released lock is handed to the first waiter at once: nobody can barge in. Lives in place; same
 * loop only. Owner and name are in the runtime descriptor.
 */
#pragma once

#include "runtime/core/base.h"

struct grove_task;

struct grove_lock {
	struct grove_task *owner; /* NULL: free */
	struct grove_list waiters;
	size_t waiting;
	char name[GROVE_NAME_SIZE];
};

/* Free. The name (NULL: "") is copied. */
void grove_lock_init(struct grove_lock *lock, const char *name);

/* Get it. 0; -ECANCELED; -EDEADLK when the caller has it already. */
GROVE_MUST_CHECK
int grove_lock_acquire(struct grove_lock *lock);

/* Get it now: 0, -EBUSY or -EDEADLK. Never a checkpoint. */
GROVE_MUST_CHECK
int grove_lock_try(struct grove_lock *lock);

/* Let go: only the owner may (else a bug, and the program ends). Never a checkpoint. */
void grove_lock_release(struct grove_lock *lock);

static inline void grove_lock_guard(struct grove_lock **lock)
{
	if (*lock)
		grove_lock_release(*lock);
}
/* _grove_locked_ struct grove_lock *held = &lock; after a successful acquire. */
#define _grove_locked_ _grove_cleanup_(grove_lock_guard)
