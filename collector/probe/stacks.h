/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacks.h - our program that takes registers and stacks of a batch of threads (bpf/stacks.bpf.c).
 *
 * Loaded only by who wants stacks, and in the background. The arrays that the kernel fills are
 * mapped here: nothing is copied. Not thread-safe.
 *
 *	_cleanup_stack_probe_ struct stack_probe *p = stack_probe_new(NULL);
 *	stack_probe_slot(p, 0)->tid = tid;	(after stack_probe_ready())
 *	rc = stack_probe_run(p, 1, true, err);
 *	... stack_probe_slot(p, 0), stack_probe_bytes(p, 0) ...
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include "bpf/event.h"

#include <stdbool.h>
#include <stdint.h>

struct kernel_types;
struct stack_probe;

/* Want the types that our program names, for stack_probe_new(). */
void stack_probe_want(struct kernel_types *types);

/*
 * Begin to load. `types` have been read and have what stack_probe_want() wants, and live longer;
 * NULL: they are read now, which takes half of the time. Never NULL.
 */
struct stack_probe *stack_probe_new(const struct kernel_types *types);

/* Unload it. NULL is fine. */
void stack_probe_free(struct stack_probe *p);
DEFINE_GUARD(stack_probe)
#define _cleanup_stack_probe_ _cleanup_(stack_probe_free_guard)

/*
 * Wait until it is loaded. -EPERM: not allowed; -ENOENT: a kernel without BTF; -EOPNOTSUPP: a
 * kernel that lets no program look up threads, or not those of our pid namespace.
 */
SNAG_MUST_CHECK
int stack_probe_ready(struct stack_probe *p, struct snag_error *err);

/* Slot `i` < EV_STACK_BATCH. Only once it is ready. */
struct ev_stack *stack_probe_slot(struct stack_probe *p, uint32_t i);

/* The stack of slot `i`: its byte_count bytes from its stack pointer on. */
const uint8_t *stack_probe_bytes(const struct stack_probe *p, uint32_t i);

/* Fill the first `count` slots, whose `tid` says which thread it is. Errors as for being ready. */
SNAG_MUST_CHECK
int stack_probe_run(struct stack_probe *p, uint32_t count, bool with_bytes, struct snag_error *err);
