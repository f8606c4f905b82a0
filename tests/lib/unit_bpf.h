/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_bpf.h - tests that need BPF: skipped where it cannot be had, unless SNAG_REQUIRE says bpf.
 */
#pragma once

#include "base/error.h"

/* `rc` is what opening gave: return, or skip or fail the test with the line in `err`. */
void bpf_or_skip(int rc, const struct snag_error *err);
