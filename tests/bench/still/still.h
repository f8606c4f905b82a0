/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * still.h - for how long were some threads kept from what they do? Counted with BPF.
 *
 * The threads are at rest: each is in a wait of its own that nothing ends. From the moment that
 * somebody wakes one until it is back in its wait it works for somebody else: it was stopped by a
 * tracer, or runs a signal handler. That time is counted for each thread.
 *
 *	struct still *s = still_open(pids, count);
 *	still_begin(s);
 *	... run a tool ...
 *	still_end(s, &kept);
 */
#pragma once

#include <stdint.h>

struct still;

/* What one run of a tool did. */
struct kept {
	uint32_t threads; /* that were woken at all */
	double most_ms;	  /* the most that one of them was kept */
};

/* Watch the threads of some processes. NULL: not root, or the kernel cannot; errno says why. */
struct still *still_open(const int *pids, int count);

/* Free it. NULL is fine. */
void still_close(struct still *s);

/* Begin to count; every thread shall be in its wait. */
void still_begin(struct still *s);

/* Wait until all are back in their waits, 10 s at most, and tell. */
void still_end(struct still *s, struct kept *kept);
