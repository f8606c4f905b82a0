/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * helper.h - processes that serve a backend and are no actors: a resource tracker, a fork server.
 *
 * A helper is the program once more, in an entry point of its backend, with one end of a
 * SOCK_SEQPACKET pair as descriptor 3. It ends by itself when all copies of our end are closed.
 *
 *	static struct grove_helper helper = GROVE_HELPER_INIT;
 *
 *	grove_helper_lock(&helper);
 *	if (helper.fd < 0)
 *		rc = grove_helper_start(&helper, "mp_tracker", err);
 *	... send(helper.fd, ...)
 *	grove_helper_unlock();
 */
#pragma once

#include "runtime/spawn/backend.h"

/* One of the process, for all its loops: a static variable, used between lock and unlock. */
struct grove_helper {
	struct grove_child child;  /* pid (0: none, or not ours), pidfd and end only */
	int fd;			   /* our end, close-on-exec; -1: there is none */
	struct grove_helper *next; /* all of the process, for the child of a fork */
	bool listed;
};

/* Builds code: no helper. */
#define GROVE_HELPER_INIT                                                                          \
	{                                                                                          \
		.child = { .pidfd = -1 }, .fd = -1                                                 \
	}

/* The descriptor that a helper finds its end at. */
enum { GROVE_HELPER_FD = 3 };

/*
 * No other thread uses a helper until the unlock. No waiting in between. The child of a fork has
 * none of its parent's: their descriptors are closed there.
 */
void grove_helper_lock(struct grove_helper *helper);
void grove_helper_unlock(void);

/* Take it out, for grove_helper_end() without the lock: the static one is empty then. */
struct grove_helper grove_helper_take(struct grove_helper *helper);

/*
 * Start one: `PROGRAM --grove-entry ENTRY`. `helper` is empty before. Does not wait; usable outside
 * of a loop. -errno.
 */
GROVE_MUST_CHECK
int grove_helper_start(struct grove_helper *helper, const char *entry, struct grove_error *err);

/* Whether it has ended; then it is reaped, and child.end says how. Never when it is not ours. */
bool grove_helper_ended(struct grove_helper *helper);

/* Close our end and forget it; one that is ours and still runs is not waited for. */
void grove_helper_forget(struct grove_helper *helper);

/* One that does not end when it shall: */
enum grove_helper_stuck {
	GROVE_HELPER_LEAVE = 0, /* others may need it: it stays, and the truth log has it */
	GROVE_HELPER_KILL = 1,	/* is killed */
};

/* Close our end, wait until it has ended, for some seconds, and reap it. In a task, shielded. */
void grove_helper_end(struct grove_helper *helper, enum grove_helper_stuck stuck);

/* In the helper: a name for ps, and no end by the SIGINT that a terminal sends to all. */
void grove_helper_enter(const char *name);
