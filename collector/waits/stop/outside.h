/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outside.h - special descriptors that processes outside of the tree have: a FUSE server, a page
 * fault monitor.
 *
 * The readers list outside holders of what the tree has open. Who serves the tree through such a
 * descriptor shares no open file with it, so these few waits look for themselves.
 */
#pragma once

#include "waits/wait.h"

/* What to look for among all descriptors of the host. */
struct outside_query {
	uint8_t kind;	    /* enum file_kind: those in the snapshot */
	const char *link;   /* and its readlink text for all other processes */
	const char *fdinfo; /* a line of fdinfo begins with this, or NULL */
	uint64_t value;	    /* and has this number behind it, or at least this one: */
	bool at_least;
	int32_t maker; /* when this process has one itself, no other open file counts; 0: all do */
};

/*
 * The object `key` of that kind word. When it is new, every process that has such a descriptor
 * becomes a holder; they are complete unless some could not be looked into.
 */
uint32_t outside_object(struct wait_ctx *c, const struct outside_query *q, const char *kind,
			const char *key);

/* Are both one open file description? True as well when nobody can tell. */
bool outside_is_shared(struct wait_ctx *c, const struct snap_file *a, int32_t tgid, int32_t fd);

/* Has the object any holder? Also before model_index(). */
bool outside_has_holder(const struct model *m, uint32_t object);
