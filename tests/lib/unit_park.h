/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_park.h - threads that know their own registers, for the tests of stacks.
 */
#pragma once

#include "read/reader.h"

#include <stdint.h>

/* What a parked thread knows of itself. In memory that parent and child share. */
struct park {
	uint64_t sp, pc, fs_base;
	uint64_t rbx, rbp, r12, r13, r14, r15;
	uint64_t top; /* the word at sp */
	int32_t tid;
};

/* Memory for `count` of them that children share. Lives as long as the test. */
struct park *park_new(uint32_t count);

/*
 * Fill `p` and block in pause(2) with exactly those registers. For child_start() and threads.
 */
void park_here(void *p);

/* An ask for thread `tid` of `tgid`, with its true start time. */
struct stack_ask stack_ask_for(int32_t tgid, int32_t tid);

/* The stack of one thread; fails the test when there is no answer at all. */
struct snap_stack stack_of(struct reader *r, int32_t tgid, int32_t tid);
