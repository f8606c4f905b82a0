/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asyncio.h - what asyncio.c and asyncio_wait.c know of each other.
 */
#pragma once

#include "runtimes/python/tasks/inside.h"

/* Has the future an outcome? */
bool py_future_done(struct py_tasks *x, uint64_t future);

/*
 * What the task whose chain was read last waits for: `waiter` is its future. Adds an await, and
 * the nursery of a TaskGroup.
 */
void py_asyncio_wait(struct py_tasks *x, uint32_t task, uint64_t waiter);
