/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wchan.h - the kernel function that a thread sleeps in, where nothing else tells what it waits
 * for.
 *
 * A hint: names move between kernels, so what rests on it names the kernel file. Waits that a
 * system call and its descriptor explain never ask.
 */
#pragma once

#include "waits/wait.h"

/* The symbol, "" when it may not be read. Borrowed from the snapshot. */
const char *stop_wchan(struct wait_ctx *c, const struct snap_task *t);

/* Does it sleep in that function, also in a part that the compiler made of it ("name.isra.0")? */
bool stop_sleeps_in(struct wait_ctx *c, const struct snap_task *t, const char *function);
