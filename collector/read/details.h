/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * details.h - what both readers take of a process from /proc, its program and cgroup, and from its
 * memory or /proc, its arguments.
 *
 * Everything here is filled only where the reader has not filled it.
 */
#pragma once

#include "read/snapshot.h"

/* The program of a process into p->exe. */
void details_exe(struct snapshot *s, struct snap_process *p);

/* The text of /proc/P/cgroup into p->cgroup. */
void details_cgroup(struct snapshot *s, struct snap_process *p);

/*
 * The arguments of all processes of the host into p->argv, with a deadline: --match looks at
 * them.
 */
void details_argv_all(struct snapshot *s);

/*
 * The details of all processes of the tree: program, arguments, cgroup and whether that is
 * frozen.
 */
void details_load(struct snapshot *s);

struct details;

/*
 * The same in two halves: begun, the arguments are read beside whatever the caller does with `s`
 * meanwhile; ended, they are there. Every beginning has its end, which frees it. Never NULL.
 */
struct details *details_begin(struct snapshot *s);
/* See details_begin(). */
void details_end(struct details *d, struct snapshot *s);
/* Or nobody wants them any more. NULL is fine. */
void details_drop(struct details *d);

/*
 * Does the text of a /proc/P/cgroup file, one line a hierarchy, name the cgroup `path` or one
 * below it? `path` is as below a cgroup mount: "/system.slice/x.service" or
 * "system.slice/x.service".
 */
bool details_in_cgroup(const char *text, const char *path);

/* Is it the top of every hierarchy that it names, the cgroup of whoever was put nowhere? */
bool details_is_top_cgroup(const char *text);
