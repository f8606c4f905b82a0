/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * disturb.h - what disturb.bpf.c counts, as both sides see it.
 */
#pragma once

#include <linux/types.h>

/* What can happen to a thread that is blocked and left alone: nothing of this. */
enum disturb_event {
	DISTURB_SWITCH, /* a CPU switched to it */
	DISTURB_WAKING, /* somebody woke it */
	DISTURB_EXIT,	/* it left its system call */
	DISTURB_SIGNAL, /* a signal was made for it, were it an ignored one */
	DISTURB_EVENTS,
};

/* The latest event of a kind: for the one who must find out who did it. */
struct disturb_latest {
	__s32 tid;   /* of the target's thread, in the first pid namespace */
	char by[16]; /* comm of who ran at that moment */
};

struct disturb_seen {
	__u64 counts[DISTURB_EVENTS];
	struct disturb_latest latest[DISTURB_EVENTS];
};
