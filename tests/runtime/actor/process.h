/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.h - what backends that make processes have in common: wait, signal, kill a subtree.
 *
 * Signals go through pidfds only, so they can never hit a stranger who got a number again. A
 * subtree is stopped from the top before it is killed, so that no member can fork away from it.
 */
#pragma once

#include "runtime/actor/backend.h"

/* Descendants of one process, each held by a pidfd. */
struct grove_subtree {
	struct grove_member {
		pid_t pid;
		int pidfd;
	} * at; /* [0] is the process itself, parents before their children */
	size_t count;
};

#define GROVE_SUBTREE_INIT                                                                         \
	{                                                                                          \
		.at = NULL                                                                         \
	}

/*
 * Hold the process of `pidfd` and all that descend from it now. What cannot be opened any more is
 * gone and left out. A member is in the list only if its parent still was its parent after the
 * pidfd was open. -errno when /proc cannot be read.
 */
GROVE_MUST_CHECK
int grove_subtree_take(struct grove_subtree *tree, pid_t pid, int pidfd, struct grove_error *err);

/* Close the pidfds. */
void grove_subtree_release(struct grove_subtree *tree);

static inline void grove_subtree_guard(struct grove_subtree *tree)
{
	grove_subtree_release(tree);
}
#define _grove_subtree_ _grove_cleanup_(grove_subtree_guard)

/* Send `sig` to all members. Those that are gone are no error. How many got it. */
size_t grove_subtree_signal(const struct grove_subtree *tree, int sig);

/* Wait until all members but the first have ended (not reaped: they are not ours), until the
 * deadline. 0; -ETIMEDOUT; -ECANCELED. */
GROVE_MUST_CHECK
int grove_subtree_wait(const struct grove_subtree *tree, int64_t deadline_ns);

/*
 * Stop the process and all its descendants from the top down, look again until no new one appears,
 * then SIGKILL them all. Does not reap. 0 also when it was gone; how many were killed in *count
 * (may be NULL).
 */
GROVE_MUST_CHECK
int grove_subtree_kill(pid_t pid, int pidfd, size_t *count, struct grove_error *err);

/* backend->wait of a process that is our child: its pidfd, then waitid(P_PIDFD). Without a pidfd
 * (-1, where the kernel or valgrind has none) it looks every 2 ms. */
GROVE_MUST_CHECK
int grove_process_wait(struct grove_child *child, struct grove_error *err);

/* "was killed by signal 9": written to `text`, which it returns. */
const char *grove_end_text(const struct grove_end *end, char text[static 64]);

/* backend->tell of any process with a pidfd: SIGTERM to it, or grove_subtree_kill(). */
GROVE_MUST_CHECK
int grove_process_tell(struct grove_child *child, enum grove_tell how, struct grove_error *err);

/* backend->release of a process without more: closes the pidfd. */
void grove_process_release(struct grove_child *child);

/* The path of the running program, for those who start it again. Free with free(). NULL and err
 * when it cannot be told. */
char *grove_process_exe(struct grove_error *err);

/*
 * posix_spawn `argv` (argv[0] is a path) with an empty signal mask, default signals and the given
 * descriptors: keep[i] becomes 3+i in the child, in order; 0 to 2 are inherited, everything else
 * is close-on-exec and so gone. Its pid and pidfd. -errno.
 */
struct grove_exec {
	char *const *argv;
	const int *keep;
	size_t keep_count;
	pid_t pid; /* out */
	int pidfd; /* out; -1: there is no pidfd_open(2) here */
};

/* See struct grove_exec. In a worker thread of the loop or in the loop itself; does not wait. */
GROVE_MUST_CHECK
int grove_process_exec(struct grove_exec *exec, struct grove_error *err);
