/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deadline.h - calls that may block for ever, on a thread of their own.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

/*
 * Run fn(arg) on a worker thread and return its result, which is never -ETIMEDOUT.
 * -ETIMEDOUT: not back in `timeout_ms`, or eight such workers are still away. `arg` is then no
 * longer the caller's: free_arg(arg) runs when fn is back, if ever. After any other result `arg`
 * is the caller's again.
 */
SNAG_MUST_CHECK
int deadline_call(int (*fn)(void *arg), void *arg, void (*free_arg)(void *arg), int timeout_ms);

/*
 * Run fn(items[i]) for each item, in order, on a worker thread. An item on which nothing goes on
 * for `timeout_ms` is given up, and the next one is tried on a new worker: items[i] becomes NULL
 * and free_item() runs when fn is back, if ever. While eight workers are away all that is left is
 * given up. How many were given up.
 */
uint32_t deadline_each(void (*fn)(void *item), void **items, uint32_t count,
		       void (*free_item)(void *item), int timeout_ms);
