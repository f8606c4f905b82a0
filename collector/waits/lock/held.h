/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * held.h - who stands in the way of a file lock.
 *
 * flock and OFD locks belong to an open file description: whoever has it can release them, and the
 * pid that /proc/locks prints is only that of the creator, who may be long gone. Record locks
 * belong to a process.
 */
#pragma once

#include "waits/wait.h"

/* The lock that a thread waits for. */
struct lock_request {
	uint8_t type; /* enum lock_class */
	bool write;
	int32_t tgid;
	int32_t fd;
	uint64_t dev, ino;
	uint64_t start, end; /* bytes, end UINT64_MAX for EOF */
};

/* Does a lock that is held keep `r` from being granted? Its waiters never do. */
bool lock_conflicts(const struct file_lock *l, const struct lock_request *r);

/*
 * Take inode and range from the request's own line among the waiters of /proc/locks, where there is
 * exactly one such: that is what the kernel compares, whatever stat(2) says of the device. False:
 * there is no such line.
 */
bool lock_own_line(const struct file_locks *locks, struct lock_request *r);

/* How many locks conflict, and how many of them are of `type`. */
uint32_t lock_count(const struct file_locks *locks, const struct lock_request *r, uint8_t type);

/*
 * Add an AND of terms to the wait of `site`: one for each open file description with a conflicting
 * lock (its holders), one for each process with a conflicting record lock, and TERM_UNKNOWN when
 * /proc/locks counts more of them than can be found. `object` names the lock.
 */
void lock_add_terms(struct wait_ctx *c, const struct wait_site *site, const struct lock_request *r,
		    uint32_t object);

/* "flock:[8:1:77]", labelled with the path of the descriptor. */
uint32_t lock_object(struct wait_ctx *c, const struct lock_request *r, const char *kind);
