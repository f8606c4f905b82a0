/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wait_ctx.h - what the waits layer keeps while it decodes; for the files of waits/ only.
 *
 * Kinds use wait.h and find.h. This header is for the dispatcher and the helpers behind wait.h.
 */
#pragma once

#include "base/strbuf.h"
#include "waits/wait.h"

struct wait_ctx {
	struct snapshot *snap;
	struct model *model;
	struct map mem_ids; /* tgid -> 1 + mems */
	VEC(struct mem *) mems;
	struct map map_ids; /* tgid -> 1 + maps; an entry may be NULL: could not be read */
	VEC(struct maps *) maps;
	struct file_locks *locks;
	bool locks_tried, socks_tried;
	struct map detail_tried;  /* 1 + file whose details could not be loaded */
	struct map file_first;	  /* folded identity -> 1 + file, see find.h */
	VEC(uint32_t) file_next;  /* per file: 1 + the next one of the same folded identity */
	uint32_t kinds_indexed;	  /* bits: which kinds of files these two know */
	VEC(uint32_t) objects;	  /* object ids by file, 0 not asked for yet */
	struct map child_first;	  /* ppid -> 1 + process, see find_child() */
	VEC(uint32_t) child_next; /* per process: 1 + its next sibling */
	VEC(uint32_t) traced;	  /* tasks that have a tracer; valid with children */
	uint32_t items_left;	  /* how many items the current thread may still get */
	bool items_cut;		  /* it wanted more */
	uint32_t kcmp_used;	  /* how often the kernel was asked about epoll items */
};

/*
 * A set of poll, select, epoll or io_uring is decoded up to this many items, nested ones included.
 */
enum { WAIT_ITEMS_MAX = 4096 };

/* The kinds of waits.h in their order, *count of them. */
const struct wait_kind *const *wait_kinds(uint32_t *count);

/* Since when a thread blocks, in ms before the snapshot; UINT64_MAX unknown. */
uint64_t wait_since_ms(const struct wait_ctx *c, const struct snap_task *t);

/* Decode one blocked thread of the tree; a test may call it alone. Returns the wait's id. */
uint32_t wait_decode_thread(struct wait_ctx *c, const struct snap_task *t, uint32_t thread);

/*
 * Of a thread in state D that is in no wait that its system call is known for: says so, and that
 * who ends it is unknown.
 */
void wait_inside_kernel(struct wait_ctx *c, uint32_t wait, const struct snap_task *t);

/* Of a wait whose terms lie before those of others: behind them all, where more can be added. */
void wait_move_terms(struct model *m, uint32_t wait);

/* After terms of waits were moved: only those that are of a wait, each wait's side by side. */
void wait_drop_terms(struct model *m);

/* "SIGCHLD, SIGTERM and 3 more" for a set of signals, bit n-1 for signal n. */
void wait_signal_names(struct strbuf *b, uint64_t set);

/* Hand the wait of a descriptor to the kind that knows the file; `f->file` may be NULL. */
void wait_decode_file(struct wait_ctx *c, const struct wait_fd *f);
