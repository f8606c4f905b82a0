/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_stacks.h - what our program over stacks wrote, as stacks of the snapshot.
 */
#pragma once

#include "base/error.h"
#include "probe/stacks.h"
#include "read/bpf/bpf_tasks.h"
#include "read/stack.h"

/*
 * Answer a batch. The bytes lie in the arrays of `p`. A thread whose memory the kernel side would
 * not touch is read as the procfs reader does it. Fails as stack_probe_run().
 */
SNAG_MUST_CHECK
int bpf_stacks(struct stack_probe *p, const struct bpf_clocks *clocks, const struct stack_batch *b,
	       struct snag_error *err);
