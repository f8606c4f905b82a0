/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_stack.h - stacks of real threads for the tests of unwind/: taken with ptrace(2), which stops
 * the thread and so knows everything.
 */
#pragma once

#include "read/stack.h"
#include "unwind/unwind.h"

enum { UNIT_STACK_BYTES = 8192 };

/* A stack and the memory that it borrows. */
struct unit_stack {
	struct snap_stack s;
	uint8_t bytes[UNIT_STACK_BYTES];
};

/* All registers and the top of the stack of a thread that is blocked or stopped. */
void unit_stack_take(int32_t tgid, int32_t tid, struct unit_stack *stack);

/* The frames of that thread by the unwinder, at most `max`. */
uint32_t unit_stack_walk(struct unwinder *u, int32_t tgid, struct unwind_frame *frames,
			 uint32_t max, struct unwind_result *result);

/* Print the frames to stderr: what a failing test wants to know. */
void unit_stack_print(struct unwinder *u, const struct unwind_frame *frames, uint32_t count,
		      const struct unwind_result *result);
