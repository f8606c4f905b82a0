/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coro.h - stackful coroutines: a stack, and a switch to it and back.
 *
 * A coroutine is resumed by its owner (the loop, on the stack of the thread) and yields back to
 * it; coroutines never switch to each other. It stays on the thread that first resumed it. The
 * switch saves what the System V x86-64 ABI wants kept across a call (rbx rbp r12-r15, mxcsr, x87
 * control word); `errno` is not saved. Stacks have a guard page below and come from a pool.
 *
 *	grove_coro_init(&coro, pool, fn, arg);
 *	grove_coro_resume(&coro);	runs fn until it yields or returns
 *	if (coro.done)
 *		grove_coro_release(&coro);
 */
#pragma once

#include "runtime/core/base.h"

/*
 * What the switch leaves at the saved stack pointer, lowest address first. Offsets of this
 * structure are published in the runtime descriptor (docs/RUNTIME_ABI.md).
 */
struct grove_saved {
	uint32_t mxcsr;
	uint32_t x87_control;
	uint64_t r15;
	uint64_t r14;
	uint64_t r13;
	uint64_t r12;
	uint64_t rbx;
	uint64_t rbp;
	uint64_t return_address;
};

/* Fields are read by the descriptor; write none of them. */
struct grove_coro {
	void *saved_sp;	    /* where struct grove_saved lies while it does not run, else NULL */
	char *stack_low;    /* lowest usable byte, above the guard page */
	size_t stack_bytes; /* usable bytes */
	struct grove_stacks *pool;
	void (*fn)(void *);
	void *arg;
	void *owner_sp;	  /* the resumer's stack while the coroutine runs */
	void *fake_stack; /* AddressSanitizer's, of the coroutine and of its resumer */
	void *owner_fake_stack;
	const void *owner_low; /* bounds of the resumer's stack, as AddressSanitizer told */
	size_t owner_bytes;
	void *fiber; /* ThreadSanitizer's, of the coroutine and of its resumer */
	void *owner_fiber;
	unsigned valgrind_id;
	bool done;
};

struct grove_stacks;

/*
 * A pool of stacks of `stack_bytes` usable bytes (0: 256 KiB; rounded up to pages), of which it
 * keeps up to `keep` unused ones. Not thread-safe: one pool a loop.
 */
struct grove_stacks *grove_stacks_new(size_t stack_bytes, size_t keep)
	__attribute__((returns_nonnull));

/* Unmap the unused stacks and free the pool. All its coroutines must be freed. NULL is fine. */
void grove_stacks_free(struct grove_stacks *pool);

/*
 * A coroutine that will run fn(arg); it does not run before the first resume. It must not move.
 * Ends the program when there is no memory for its stack.
 */
void grove_coro_init(struct grove_coro *coro, struct grove_stacks *pool, void (*fn)(void *),
		     void *arg);

/* Give the stack back. Only before the first resume or after fn returned. */
void grove_coro_release(struct grove_coro *coro);

/* Run `coro` until it yields or its function returns. Never from inside itself. */
void grove_coro_resume(struct grove_coro *coro);

/* Back to the resumer of `coro`, which must be the running one. Returns at the next resume. */
void grove_coro_yield(struct grove_coro *coro);
