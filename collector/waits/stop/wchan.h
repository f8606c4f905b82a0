/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wchan.h - the kernel function that a thread sleeps in, where nothing else tells what it waits for.
 *
 * A hint: names move between kernels, so what rests on it names the kernel file. Waits that a system call and its
 * descriptor explain never ask.
 */
#pragma once

#include "waits/wait.h"

/* The symbol, "" when it may not be read. Read from /proc when the reader did not; borrowed from the snapshot. */
const char *stop_wchan(struct wait_ctx *c, const struct snap_task *t);

/*
 * The same for a thread that a system call with an object of its own does not explain: in a page fault, in
 * uninterruptible sleep, or in a call that only waits when something is odd (open, stat, read of a plain file).
 * "" for all others, at no cost.
 */
const char *stop_odd_wchan(struct wait_ctx *c, const struct snap_task *t);
