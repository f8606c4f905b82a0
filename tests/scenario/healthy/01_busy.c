/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A loop that burns CPU and does nothing else. snag must call it busy, never stuck in a wait.
 */
#include "lib/scenario.h"

SCENARIO(busy_loop, .what = "a thread that spins for ever is busy", .moving = true)
{
	truth_verdict("busy", NULL);
	truth_not("deadlock");
	truth_ready();
	for (volatile unsigned long n = 0;; n++)
		;
}
