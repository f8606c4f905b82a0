/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * share.h - who has the memory that a futex lies in, and which of their threads owns it.
 */
#pragma once

#include "waits/futex/futex.h"

/* Where a futex lies: in one address space, or at an offset of a file that several may map. */
struct futex_place {
	bool shared;
	uint64_t dev, ino, offset; /* of the object's base, when shared */
	int32_t tgid;		   /* lowest process with this address space, when private */
};

/* The place of an object at `base` that is used by the process of `site`. */
struct futex_place futex_place(struct wait_ctx *c, const struct wait_site *site, bool private_op,
			       uint64_t base);

/*
 * Its object with all who have the memory as holders: "futex:[812:0x7f..]" or
 * "futex:[0:5:77+0x40]".
 */
uint32_t futex_object(struct wait_ctx *c, const struct wait_site *site,
		      const struct futex_place *place, const struct futex_claim *claim);

enum owner_kind {
	OWNER_THREAD,	 /* thread `task` of the tree */
	OWNER_OUTSIDE,	 /* a thread of process `tgid`, outside of the tree */
	OWNER_ELSEWHERE, /* a live thread of `tgid` that does not have this memory: copied by fork
			  */
	OWNER_GONE,	 /* no such thread */
	OWNER_HEIR,	 /* the thread that forked this process: the child may release the copy */
	OWNER_UNKNOWN,	 /* cannot be told */
};

struct futex_owner {
	enum owner_kind kind;
	const struct snap_task *task;
	int32_t tgid;
};

/* Who has that tid among those who have the memory. `object`: of futex_object(). */
struct futex_owner futex_find_owner(struct wait_ctx *c, const struct wait_site *site,
				    const struct futex_place *place, uint32_t object,
				    int32_t ns_tid);

/*
 * A live thread of the process, or of one that shares its memory, with this tid in its own
 * namespace.
 */
const struct snap_task *futex_own_thread(const struct snapshot *s, const struct snap_process *p,
					 int32_t ns_tid);

/* Do both have one address space? */
bool futex_same_memory(const struct snap_process *a, const struct snap_process *b);
