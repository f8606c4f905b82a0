/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * find.h - which open files of the snapshot are the same thing, whoever has them.
 *
 * Pipes and files are told apart by device and inode, sockets by inode, anonymous files by `id`
 * (all anonymous inodes share one inode number) or, where the reader knows it, by their open file
 * description.
 */
#pragma once

#include "waits/wait.h"

/* What identifies an open file. */
struct find_target {
	uint8_t kind; /* enum file_kind */
	uint64_t dev, ino, id;
	uint32_t description;
	uint32_t sock; /* 1 + index of a socket's entry, 0 unknown: saves a look-up */
};

/* The identity of an open file, of an epoll item's true target, of a socket. */
struct find_target find_of_file(const struct snap_file *f);
/* See find_of_file(). */
struct find_target find_of_item(const struct snap_epitem *e);
/* See find_of_file(). */
struct find_target find_of_sock(uint64_t ino);
/* See find_of_file(): of the other end of a unix socket. */
struct find_target find_of_peer(const struct snap_sock *k);

/* Whether that open file is the target; false too when too little is known to tell. */
bool find_is(const struct find_target *t, const struct snap_file *f);

/*
 * The next open file after `previous` (NULL: the first) that is the target, in any process; NULL:
 * no more.
 */
const struct snap_file *find_next(struct wait_ctx *c, const struct find_target *t,
				  const struct snap_file *previous);

/*
 * The open file that stands for the target where a descriptor of process `tgid` is meant that can
 * do `mode`: of the same description, of that mode, of that process, in this order of weight. NULL:
 * nobody has it open.
 */
const struct snap_file *find_best(struct wait_ctx *c, const struct find_target *t, int32_t tgid,
				  uint8_t mode);

/* Does anybody visible have it with all bits of `mode`? */
bool find_any(struct wait_ctx *c, const struct find_target *t, uint8_t mode);

/* The socket behind a descriptor, loaded on the first call; NULL when it is not known. */
const struct snap_sock *wait_sock(struct wait_ctx *c, const struct snap_file *f);

/* The object of a target, also of one that nobody has open. */
uint32_t find_object(struct wait_ctx *c, const struct find_target *t);

/*
 * TERM_OBJECT for whoever holds the target with `as->mode`, in the role `as->as`; TERM_UNKNOWN when
 * nobody can be seen who does: a wait that goes on has somebody. `what` names it for people.
 * Returns the object.
 */
uint32_t find_holders(struct wait_ctx *c, uint32_t wait, const struct find_target *t,
		      const struct term *as, const char *what);

/* The next child of `tgid` after `previous` (NULL: the first), zombies included; NULL: no more. */
const struct snap_process *find_child(struct wait_ctx *c, int32_t tgid,
				      const struct snap_process *previous);

/* The next thread of the tree that a thread of `tgid` traces after `previous`; NULL: no more. */
const struct snap_task *find_tracee(struct wait_ctx *c, int32_t tgid,
				    const struct snap_task *previous);

/*
 * The process that `viewer` knows as `pid` in its own pid namespace, or NULL. The numbers are those
 * of snag unless the viewer lives in a namespace below.
 */
const struct snap_process *find_process(struct wait_ctx *c, const struct snap_process *viewer,
					int32_t pid);
