/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * missed_exit.c - the exit of a child is missed by the pidfd that watches it.
 *
 * Somebody in the root closes descriptors that he does not know, among them the pidfds of its
 * children. With its last descriptor a file leaves the epoll set without a word, so the task that
 * waits for it sleeps on, and nobody reaps the child.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/io.h"
#include "runtime/fault/parts.h"

enum { HIGHEST = 1024 };

/* Behind the back of the loop, which would have told the waiters. */
static void close_unknown(void)
{
	for (int fd = 3; fd < HIGHEST; fd++) {
		char path[64], link[64];

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = 0;
		if (strcmp(link, "anon_inode:[pidfd]") == 0)
			close(fd);
	}
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	char child[GROVE_UID_TEXT], exit_of[GROVE_UID_TEXT + 64];

	(void)err;
	if (!place->off)
		close_unknown();
	snprintf(exit_of, sizeof(exit_of), "process %d (%s), which was to bring it",
		 (int)grove_actors_pid(place->actors, place->portals[0]),
		 grove_uid_print(grove_portal_uid(place->portals[0]), child));
	grove_fault_culprit(getpid(), exit_of, -1);
	grove_fault_trap();
	return 0;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	(void)place;
	(void)err;
	grove_fault_leaves(false);
	return 0;
}

const struct grove_fault grove_fault_missed_exit = {
	.name = "missed-exit",
	.text = "a child's exit that its pidfd watch misses",
	.refuses = grove_fault_needs_process,
	.depth = 1,
	.breadth = 1,
	.trigger = GROVE_TRIGGER_ROOT,
	.traps = 1,
	.off_code = GROVE_FAULT_SIGINT,
	.arm = grove_fault_arm_patient,
	.leaf = leaf,
	.node = node,
};
