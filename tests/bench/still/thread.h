/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * thread.h - what still.bpf.c counts, as both sides see it.
 */
#pragma once

#include <linux/types.h>

/* One thread. */
struct still_thread {
	__u64 since; /* CLOCK_MONOTONIC when it was woken; 0: it is in its wait */
	__u64 total; /* ns in which it was not */
};
