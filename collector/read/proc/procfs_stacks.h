/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procfs_stacks.h - stacks of sleeping threads through /proc/P/task/T/syscall and
 * process_vm_readv(2).
 *
 * That file tells the stack pointer and the program counter, no other register. Same user is
 * enough.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "read/stack.h"

/* Answer a batch: out[i] for asks[i], the bytes in `room`. */
void procfs_stacks(const struct stack_batch *b);

/*
 * The kernel stack of a thread, innermost function first: "futex_wait_queue+0x60" a line into
 * `text`. Root only. -EPERM; -ESRCH; -ETIMEDOUT when the kernel does not answer.
 */
SNAG_MUST_CHECK
int procfs_kernel_stack(int32_t tgid, int32_t tid, struct strbuf *text);
