/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_core.h - run a task function as a test, and see that nothing of it is left.
 */
#pragma once

#include "runtime/core/loop.h"
#include "runtime/test/help_left.h"

/* grove_run() with no options; fails the test when descriptors or threads are left. */
int core_run(grove_task_fn *fn, void *arg);

/* As core_run(), runnable tasks in an order made of `seed`. */
int core_run_shuffled(grove_task_fn *fn, void *arg, uint64_t seed);

/* How many entries a folder has, "." and ".." among them; fails the test when it cannot be read. */
int core_entries(const char *folder);

/* Fails the test when this process has other threads or descriptors than before it. */
void core_clean(void);
