/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spin.h - threads that find no rest because an epoll set of theirs is always ready.
 *
 * An item whose other end is closed is ready whenever somebody asks, until it is taken out of the
 * set. A loop that does not do that turns for ever. Which system call a thread makes that runs is
 * not to be seen; that it makes some is: of its CPU time a part is spent in the kernel.
 *
 *	_cleanup_spin_times_ struct spin_times *times = spin_times_new(first);
 *	... later looks, busy_mark() ...
 *	waits_find_spins(times, first, last, m);
 */
#pragma once

#include "model/model.h"
#include "read/snapshot.h"

/* Its kind in findings[]; graph/ blames its object. */
#define SPIN_FINDING "epoll-hangup"

struct wait_ctx;
struct spin_times;

/* Note the CPU time of all threads of the tree that run in `s`. Never NULL. */
struct spin_times *spin_times_new(const struct snapshot *s);

/* Free it. NULL is fine. */
void spin_times_free(struct spin_times *times);
DEFINE_GUARD(spin_times)
#define _cleanup_spin_times_ _cleanup_(spin_times_free_guard)

/*
 * Whether the thread has spent time in the kernel since then. Waits, two seconds at most, until it
 * has run for long enough to tell. False too when it is gone, or was not noted.
 */
bool spin_calls_kernel(const struct spin_times *times, int32_t tgid, int32_t tid);

/*
 * The items of epoll sets of process `tgid` that are at their end and so always ready, in the
 * snapshot of `c` as in that of `later`, whose model is not used: how many; if it `tells`, how many
 * findings were added.
 */
uint32_t spin_find_items(struct wait_ctx *c, struct wait_ctx *later, int32_t tgid, bool tells);

/*
 * For the busy threads in `m`, the model of `first`, that keep calling the kernel: what is always
 * ready in the epoll sets of their processes, there and at the last look. `times` are of `first`.
 */
void waits_find_spins(const struct spin_times *times, struct snapshot *first, struct snapshot *last,
		      struct model *m);
