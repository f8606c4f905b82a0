/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paths.h - the file that a blocked system call names by a path, as its process sees it.
 */
#pragma once

#include "waits/wait.h"

#include <sys/stat.h>

enum { PATH_BYTES = 4096 }; /* PATH_MAX of include/uapi/linux/limits.h */

/* What open(2), openat(2), openat2(2) or creat(2) was asked for. */
struct open_call {
	int32_t dirfd; /* AT_FDCWD for the current directory */
	uint64_t flags;
	char path[PATH_BYTES];
};

/* The system calls that path_open_call() knows; -1 ends. */
extern const int16_t path_openers[];

/* Read the arguments of the open that `t` is blocked in: 0 or -errno. */
SNAG_MUST_CHECK
int path_open_call(struct wait_ctx *c, const struct snap_task *t, struct open_call *call);

/*
 * stat(2) of a path of thread `tid`, below its root or directory, with a deadline: 0 or -errno.
 * Nothing is opened.
 */
SNAG_MUST_CHECK
int path_stat(int32_t tid, int32_t dirfd, const char *path, struct stat *st);
