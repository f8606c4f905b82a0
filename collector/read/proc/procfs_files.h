/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procfs_files.h - open files through procfs: those of the tree, and who else holds the same
 * objects.
 */
#pragma once

#include "base/error.h"
#include "read/snapshot.h"

/*
 * Append to s->files the descriptors of the processes with in_tree, then those of all other
 * processes that are on the same waitable objects or on the other ends of their sockets. Sets
 * fd_total, denied and all_holders; what could not be looked into goes into the missing list.
 * Indexes the snapshot.
 */
SNAG_MUST_CHECK
int procfs_files(struct snapshot *s, struct snag_error *err);
