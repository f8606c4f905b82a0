/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.h - a moment at which the loop calls a function. Private to core/.
 *
 * A heap in the loop; timers of equal moments fire in the order in which they were set.
 */
#pragma once

#include "runtime/core/base.h"

struct grove_loop;

/* All zero: not set. Lives in place, does not move while it is set. */
struct grove_timer {
	int64_t deadline_ns;
	uint64_t seq;
	size_t index; /* 1-based place in the heap, 0: not set */
	void (*fire)(struct grove_timer *timer);
};

/* Set (or move) a timer; GROVE_NEVER takes it out. `fire` is set by the caller before. */
void grove_timer_set(struct grove_loop *loop, struct grove_timer *timer, int64_t deadline_ns);

/* Take it out. Harmless when it is not set. */
void grove_timer_stop(struct grove_loop *loop, struct grove_timer *timer);
