/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locks.h - file locks and leases, from /proc/locks, with the waiters queued behind each.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum lock_class { LOCK_FLOCK, LOCK_POSIX, LOCK_OFD, LOCK_LEASE };

struct file_lock {
	uint32_t group; /* the number before the colon: a waiter has that of what it waits for */
	bool waiter;	/* a "->" line: queued behind the lock of its group */
	bool breaking;	/* a lease that is being broken */
	uint8_t type;	/* enum lock_class */
	bool write;
	int32_t pid; /* who created the lock (flock: may be dead while its heirs hold it); -1 OFD */
	uint64_t dev, ino;   /* dev as st_dev */
	uint64_t start, end; /* bytes, end UINT64_MAX for EOF */
};

struct file_locks {
	struct file_lock *at;
	uint32_t count;
};

/* Read /proc/locks. Yours: file_locks_free(). */
SNAG_MUST_CHECK
int file_locks_read(struct file_locks **ret, struct snag_error *err);

/* Parse its text; lines that do not fit are left out. Never NULL. */
struct file_locks *file_locks_parse(const char *text);

/* Free them. NULL is fine. */
void file_locks_free(struct file_locks *l);
DEFINE_GUARD(file_locks)
#define _cleanup_file_locks_ _cleanup_(file_locks_free_guard)

/*
 * The "lock:" lines of /proc/P/fdinfo/N: does this descriptor hold a lock of that class on its
 * file? flock and OFD locks belong to open file descriptions, so this names the true holders.
 */
bool file_locks_held(int32_t tgid, int32_t fd, enum lock_class type);
