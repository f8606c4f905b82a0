/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree.h - which processes are the tree.
 *
 * The roots with all their descendants; --also with theirs; and processes that were reparented
 * away: what is in a session that began in the tree descends from it for certain, what only
 * shares the process group or the cgroup of the tree joins when its parent adopts orphans. Kernel
 * threads are not in a tree unless they are named, and snag itself is not either.
 */
#pragma once

#include "base/error.h"
#include "read/reader.h"

/*
 * Set in_tree, joined and joined_why of s->processes, and root_tgid and root_start. The snapshot
 * is indexed. A tid stands for its process. -ESRCH: a named process is not there, or nothing
 * fits; -EINVAL: --match is no regular expression.
 */
SNAG_MUST_CHECK
int tree_select(struct snapshot *s, const struct read_scope *scope, struct snag_error *err);
