/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_files.h - records of the file iterator become files, sockets and items of a snapshot.
 *
 * All files of all processes pass by; the tree's are kept, and those of others that are the same
 * object, the other end of one, or serve waits that show no file of the waiter (userfault,
 * fanotify, FUSE).
 */
#pragma once

#include "base/error.h"
#include "probe/probe.h"
#include "read/snapshot.h"

/*
 * Run the pass and fill files, epitems, socks, uring and inflight of `s`, whose processes and
 * threads are there. Whatever the kernel cut off goes into the missing list.
 */
SNAG_MUST_CHECK
int bpf_files_read(struct snapshot *s, struct probe *p, struct snag_error *err);
