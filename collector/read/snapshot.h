/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - the facts of one instant, as the kernel shows them.
 *
 * Both readers (reader.h) fill the same arrays, so that nothing above asks which one it was. A
 * snapshot holds every process of the host by identity, but threads and files in detail only for
 * the processes of the tree, and besides the outside holders of what the tree holds. It draws no
 * conclusion.
 *
 * Everything is keyed by (tgid, start_ticks); indices into the arrays are stable once the reader
 * is done. Not thread-safe.
 */
#pragma once

#include "base/map.h"
#include "base/strtab.h"
#include "base/vec.h"
#include "read/snapshot_files.h"
#include "read/snapshot_tasks.h"

#include <stdbool.h>
#include <stdint.h>

struct snapshot {
	struct strtab *strings;
	uint64_t taken_realtime_ns, taken_boottime_ns;
	double took_ms;
	int32_t root_tgid; /* first target */
	uint64_t root_start;
	VEC(struct snap_process) processes; /* sorted by tgid */
	VEC(struct snap_task) tasks;	    /* of one process side by side, the leader first */
	VEC(struct snap_file) files;	    /* of one process side by side, by fd */
	VEC(struct snap_epitem) epitems;
	VEC(struct snap_sock) socks;
	VEC(struct snap_uring_req) uring;
	VEC(struct snap_sem_undo) undo;
	VEC(struct snap_inflight) inflight;
	VEC(uint32_t) missing; /* string ids: what could not be known and why, for people */
	struct map by_tgid;    /* tgid -> 1 + process */
	struct map by_tid;     /* tid -> 1 + task */
	/* indices of unix sockets that may have descriptors queued; kept by socks.c */
	VEC(uint32_t) queues;
	struct map by_sock;	  /* inode number -> 1 + sock; kept by socks_index() */
	VEC(uint64_t) net_spaces; /* distinct net_ns of TCP and UDP sockets; socks_index() */
	struct map by_address;	  /* hash of addresses -> 1 + sock; kept by socks_index() */
	/* what this reader can see */
	bool all_holders; /* every process of this pid namespace was looked into */
	/* some files of the tree could not be told: any of them may hold anything */
	bool files_lost;
	bool has_kernel_locks; /* lock_owner, pi_owner are filled where they exist */
	bool has_pipe_counts;
	bool has_inflight; /* inflight[] is complete */
	bool has_uring;
	bool has_undo;
	bool has_descriptions;
	bool socks_loaded; /* socks[] has been filled for every network namespace of the tree */
};

/* An empty snapshot with its own string table. Never NULL. */
struct snapshot *snapshot_new(void);

/* Free it with its strings. NULL is fine. */
void snapshot_free(struct snapshot *s);
DEFINE_GUARD(snapshot)
#define _cleanup_snapshot_ _cleanup_(snapshot_free_guard)

/*
 * Rebuild by_tgid, by_tid and the ranges of each process; readers call it after each pass.
 */
void snapshot_index(struct snapshot *s);

/* As snapshot_index(), when only files were added. */
void snapshot_index_files(struct snapshot *s);

/* The process `tgid`, or NULL. Borrowed until the next pass of the reader. */
struct snap_process *snapshot_process(const struct snapshot *s, int32_t tgid);

/* How many processes are of the tree. */
uint32_t snapshot_tree_size(const struct snapshot *s);

/* The thread `tid`, or NULL. Borrowed until the next pass of the reader. */
struct snap_task *snapshot_task(const struct snapshot *s, int32_t tid);

/*
 * Has process `tgid` a thread in D state, or is it unknown? Such a thread may hold the mmap_lock,
 * or wait for a page that would stop us as well: its memory is read with care (mem.h).
 */
bool snapshot_is_suspicious(const struct snapshot *s, int32_t tgid);

/*
 * Signals that come from outside and have a handler in this process, which some thread would run:
 * bit n-1 for signal n, UINT64_MAX unknown. Not counted: those of faults, of what the process did
 * itself, of its children and its alarms, and libc's own.
 */
uint64_t snapshot_handled(const struct snapshot *s, const struct snap_process *p);

/* The descriptor `fd` of `tgid`, or NULL. Borrowed until the next pass of the reader. */
struct snap_file *snapshot_file(const struct snapshot *s, int32_t tgid, int32_t fd);

/* The text of a string id, "" for 0. */
const char *snapshot_str(const struct snapshot *s, uint32_t id);

/* Note for people what could not be known and why; equal notes are kept once. */
__attribute__((format(printf, 2, 3))) void snapshot_missing(struct snapshot *s, const char *fmt,
							    ...);
