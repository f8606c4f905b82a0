/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_bpf.h - tests that need BPF: skipped where it cannot be had, unless SNAG_REQUIRE says bpf.
 */
#pragma once

#include "read/reader.h"

/* `rc` is what opening gave: return, or skip or fail the test with the line in `err`. */
void bpf_or_skip(int rc, const struct snag_error *err);

/* The reader of that name, or skip or fail as bpf_or_skip(). Yours: reader_free(). */
struct reader *unit_reader(const char *name);

/*
 * First stamps and facts of the tree of `root`; fails the test otherwise. Yours: snapshot_free().
 */
struct snapshot *unit_begin(struct reader *r, int32_t root);

/* Second stamps; fails the test otherwise. */
void unit_finish(struct reader *r, struct snapshot *s);
