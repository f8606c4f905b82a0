/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * drain.h - all records that an iterator writes, one after the other.
 *
 * A long pass is read ahead by a thread of its own: the kernel writes the next records while the
 * caller takes in the last ones.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drain_opts {
	int iter; /* of bpf_iter_create() */
	bool ahead;
	/* Whole records of one read. -EBADMSG ends the drain; then it says so. */
	int (*records)(const char *bytes, size_t size, void *arg);
	void *arg;
};

/*
 * Read `iter` to its end. -EBADMSG: what it wrote is no sequence of whole records. *bytes is added
 * to.
 */
SNAG_MUST_CHECK
int drain(const struct drain_opts *opts, uint64_t *bytes, struct snag_error *err);
