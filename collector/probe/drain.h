/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drain.h - all records that an iterator writes, one after the other, or those of two that share a
 * pass.
 *
 * A long pass is read ahead by a thread of its own for each iterator: the kernel writes the next
 * records while the caller takes in the last ones.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DRAIN_SIDES = 2 };

struct drain_opts {
	int iters[DRAIN_SIDES]; /* of bpf_iter_create() */
	uint32_t count;		/* of them */
	bool ahead;
	/* Whole records, of one iterator. -EBADMSG ends the drain; then it says so. */
	int (*records)(const char *bytes, size_t size, void *arg);
	/*
	 * Only of two: the place of the first group of records, ascending in each iterator, or
	 * -EBADMSG. *len: the bytes of the group. A read ends behind a group.
	 */
	int64_t (*place)(const char *bytes, size_t size, size_t *len);
	void *arg;
};

/*
 * Read the iterators to their ends; groups come in order of their places. Of two the second begins
 * when the first has given something or nothing. -EBADMSG: what was written is no sequence of whole
 * records. *bytes is added to.
 */
SNAG_MUST_CHECK
int drain(const struct drain_opts *opts, uint64_t *bytes, struct snag_error *err);
