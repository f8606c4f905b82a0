/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_pass.h - what bpf_files.c and bpf_outside.c share: one pass over files on its way into a
 * snapshot.
 */
#pragma once

#include "base/error.h"
#include "base/map.h"
#include "probe/probe.h"
#include "read/snapshot.h"

/* The items of an epoll set, in snapshot.epitems. Holders of the same set share them. */
struct bpf_set {
	uint64_t ref;
	int32_t tgid;
	uint32_t first, count;
	bool cut;
};

/* A connection of unix sockets that nobody accepted yet. */
struct bpf_pending {
	uint64_t client, listener; /* inode numbers */
};

struct bpf_pass {
	struct snapshot *s;
	struct probe *p;
	uint32_t hz;
	VEC(struct ev_file) files; /* of processes outside the tree */
	VEC(uint64_t) ttys;	   /* both sides of the terminals that the tree has open */
	VEC(struct bpf_set) sets;
	VEC(struct bpf_pending) pending;
	struct map descriptions; /* file_ref -> number */
	struct map set_of;	 /* file_ref -> 1 + set */
	struct map socks;	 /* inode number, or sock_ref without one -> nothing */
	struct map names;	 /* inode number of a unix socket -> string id */
	struct map paths;	 /* description -> string id */
	/*
	 * of bpf_outside.c: what is wanted, sockets that are, and a filter: what may be asked for
	 */
	struct map wanted;
	VEC(uint8_t) wanted_socks;	     /* by socket */
	VEC(uint64_t) asked;		     /* bits by hash; empty: anything may be */
	uint32_t kind_names[EV_CLASS_COUNT]; /* string ids, 0 not looked up yet or none */
	const struct snap_process *owner;    /* of the last file; NULL: of none that was listed */
	int32_t owner_tgid;
	/* of the file whose records are coming */
	uint32_t first_item, first_request, first_inflight;
	uint32_t cut_queues, cut_rings;
	bool opens, connects; /* a thread of the tree opens a path, reaches for an address */
	bool embryo_fds;      /* descriptors travel to a socket that is not accepted yet */
};

/* The snapshot's form of `e`. */
struct snap_file bpf_snap_file(struct bpf_pass *x, const struct ev_file *e);

/* The number of an open file description, 0 for none. */
uint32_t bpf_description(struct bpf_pass *x, uint64_t file_ref);

/* st_dev of stat(2) from the kernel's device number. */
uint64_t bpf_dev(uint32_t dev);

/* Append to the snapshot the files of processes outside the tree that matter to it. */
void bpf_outside(struct bpf_pass *x);

/* The same for processes that /proc shows and the iterators do not. */
void bpf_hidden(struct bpf_pass *x);
