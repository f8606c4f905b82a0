/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mounts.h - what is mounted, from /proc/P/mountinfo.
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

struct mount {
	int32_t id;    /* as "mnt_id:" in fdinfo */
	uint64_t dev;  /* as st_dev */
	char *root;    /* what part of the file system is mounted */
	char *point;   /* where */
	char *type;    /* "ext4", "fuse.sshfs" */
	char *options; /* of the superblock */
};

struct mounts {
	struct mount *at;
	uint32_t count;
};

/*
 * Those of the mount namespace of `tgid`; 0: our own. Empty when they may not be read. Never
 * NULL.
 */
struct mounts *mounts_read(int32_t tgid);

/* Parse the text of a mountinfo file; lines that do not fit are left out. Never NULL. */
struct mounts *mounts_parse(const char *text);

/* Free them. NULL is fine. */
void mounts_free(struct mounts *m);
DEFINE_GUARD(mounts)
#define _cleanup_mounts_ _cleanup_(mounts_free_guard)

/* The first mount of the file system with that device number, or NULL. */
const struct mount *mounts_find(const struct mounts *m, uint64_t dev);

/*
 * May a look at a file of this type of file system wait for somebody else (a server, a user's
 * daemon)? Unknown types may.
 */
bool mounts_is_slow(const char *type);
