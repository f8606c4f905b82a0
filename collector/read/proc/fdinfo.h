/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fdinfo.h - what /proc/P/fd and /proc/P/fdinfo tell of one descriptor.
 *
 * Never opens /proc/P/fd/N: on a pipe that makes a new holder (proc(5)).
 */
#pragma once

#include "base/error.h"
#include "read/snapshot.h"

/*
 * Fill the details of the kind (eventfd count and id, pidfd's pid, timerfd, signalfd, epoll
 * items, tty index, fuse connection, mount id) of s->files.at[file], where the reader has not
 * (file->details). May append to s->epitems. -ESRCH gone, -EACCES not allowed, -EBADF closed
 * meanwhile; the file then stays without details.
 */
SNAG_MUST_CHECK
int fdinfo_load(struct snapshot *s, uint32_t file, struct snag_error *err);

/*
 * Parse the text of one fdinfo file into `f` and its epoll items into s->epitems. For tests and
 * fuzzing.
 */
void fdinfo_parse(struct snapshot *s, struct snap_file *f, const char *text);

/*
 * Kind, inode and name of a descriptor from its readlink text and stat, as /proc shows them:
 * "pipe:[123]", "socket:[123]", "anon_inode:[eventfd]", "/dev/pts/3", "/path (deleted)".
 */
void fdinfo_classify(struct snapshot *s, struct snap_file *f, const char *link, uint32_t st_mode,
		     uint64_t st_rdev);

/*
 * A thread of `tgid` whose /proc folder shows the descriptors: a leader that is a zombie shows
 * none.
 */
int32_t fdinfo_thread(const struct snapshot *s, int32_t tgid);
