/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * defects.h - mistakes that real spawn backends made. All off; fault/ switches them on. Kept here,
 * in one place, because they are decisions of this layer.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct grove_spawn_defects {
	/* The child of a fork without exec keeps all descriptors of the parent: then no channel,
	 * pipe or port of the parent ever ends while such a child lives. */
	bool fork_keeps_fds;
	/* fork(2) without a look at the locks that other threads hold: in the child they stay
	 * taken for ever. */
	bool fork_ignores_locks;
	/* Children of the fork server keep its socket, so that its death ends nothing ... */
	bool server_kept_open;
	/* ... and nobody watches its process: a request to a dead server waits for ever. */
	bool server_unwatched;
	/* The thread (a tid, 0: none) of a hosted actor whose interpreter is finalised under it:
	 * it ends where it next wants the lock, and cleans nothing up. */
	atomic_int finalised;
};

/* Those of this process; handed down by a fork. */
struct grove_spawn_defects *grove_spawn_defects(void);
