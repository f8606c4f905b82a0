/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/share.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ARRIVALS = 4096 };

/* The verb of each kind, before the object. */
static const char *verb(enum wait_type kind)
{
	switch (kind) {
	case WAIT_MUTEX:
	case WAIT_RWLOCK:
		return "locking";
	case WAIT_GIL:
		return "taking";
	case WAIT_THREAD_JOIN:
		return "joining";
	default:
		return "waiting on";
	}
}

/* "locking mutex 0x7f.. (recursive) held by thread 812" */
static void describe(struct wait_ctx *c, const struct wait_site *site,
		     const struct futex_claim *claim, int32_t owner)
{
	char held[48] = "";

	if (claim->kind == WAIT_THREAD_JOIN && owner) {
		wait_describe(c, site->wait, claim->kind, "joining thread %d", owner);
		return;
	}
	if (owner)
		snprintf(held, sizeof(held), " held by thread %d", owner);
	wait_describe(c, site->wait, claim->kind, "%s %s 0x%" PRIx64 "%s%s%s%s", verb(claim->kind),
		      claim->what, claim->base, *claim->note ? " (" : "", claim->note,
		      *claim->note ? ")" : "", held);
}

/* Anyone with the memory can. */
static void anyone(struct wait_ctx *c, const struct wait_site *site, uint32_t object)
{
	wait_term_holders(c, site->wait, object, 0, AS_SETTER);
}

/* ---- barrier ----------------------------------------------------------------------------------
 */

/*
 * All threads of the processes that have the memory, but for the waiter itself; 0 when not all are
 * known.
 */
static uint32_t other_threads(struct wait_ctx *c, const struct wait_site *site, uint32_t object,
			      bool add)
{
	struct model *m = wait_model(c);
	uint32_t count = 0;

	for (uint32_t i = 0; i < m->holders.count; i++) {
		if (m->holders.at[i].object != object)
			continue;
		const struct actor *a = model_actor(m, m->holders.at[i].actor);
		if (!a->in_tree)
			return 0;
		for (uint32_t t = a->first_thread; t < a->first_thread + a->thread_count; t++) {
			if (t == site->thread)
				continue;
			count++;
			if (add)
				wait_term(c, site->wait,
					  (struct term){ TERM_THREAD, .as = AS_SETTER, .id = t },
					  NULL);
		}
	}
	return count;
}

/*
 * So many of the other threads must come. When fewer exist than are needed, someone has yet to
 * create them, and any thread that runs could.
 */
static void arrivals(struct wait_ctx *c, const struct wait_site *site, uint32_t object,
		     uint32_t need)
{
	uint32_t others = other_threads(c, site, object, false);

	if (others < need || others > MAX_ARRIVALS) {
		anyone(c, site, object);
		return;
	}
	other_threads(c, site, object, true);
	model_wait(wait_model(c), site->wait)->need = need;
}

/* ---- owner ------------------------------------------------------------------------------------
 */

/*
 * Do the bytes still say what they said, now that the owner was not found? It may have let go
 * meanwhile.
 */
static bool still_so(struct wait_ctx *c, const struct wait_site *site, const struct futex *f)
{
	uint8_t now[32];
	size_t len = f->after < sizeof(now) ? f->after : sizeof(now);

	return !wait_mem(c, site->process->tgid, f->uaddr, now, len) &&
	       !memcmp(now, f->bytes + FUTEX_BEFORE, len);
}

static void copied_by_fork(struct wait_ctx *c, const struct wait_site *site, uint32_t object,
			   const struct futex_claim *claim, int32_t tgid)
{
	struct wait_fact fact = { "lock-copied-by-fork", site->process->tgid, object, -1 };

	wait_never(c, site->wait,
		   "held by thread %d of process %d at the time of the fork; no thread of this "
		   "process can release it",
		   claim->owner, tgid);
	wait_finding(
		c, &fact,
		"a %s that thread %d of process %d held was copied by fork: in process %d nobody "
		"will ever release it",
		claim->what, claim->owner, tgid, site->process->tgid);
}

/*
 * A process that never called exec has its parent's memory, and a thread with a number older than
 * its own was a thread of the parent: the kernel counts upwards (alloc_pid() in kernel/pid.c).
 */
static bool is_older(const struct snap_process *p, int32_t ns_tid)
{
	return p->fork_no_exec_known && p->fork_no_exec &&
	       ns_tid < (p->ns_tgid ? p->ns_tgid : p->tgid);
}

/* As copied_by_fork(), and the thread that held it there is no more. */
static void copied_from_the_dead(struct wait_ctx *c, const struct wait_site *site, uint32_t object,
				 const struct futex_claim *claim)
{
	struct wait_fact fact = { "lock-copied-by-fork", site->process->tgid, object, -1 };

	wait_never(c, site->wait,
		   "held at the time of the fork by thread %d of the process that forked; no "
		   "thread of this process can release it",
		   claim->owner);
	wait_finding(c, &fact,
		     "a %s that thread %d of the forking process held was copied by fork: in "
		     "process %d nobody will ever release it",
		     claim->what, claim->owner, site->process->tgid);
}

static void owner_gone(struct wait_ctx *c, const struct wait_site *site, uint32_t object,
		       const struct futex_claim *claim)
{
	struct wait_fact fact = { "lock-owner-dead", site->process->tgid, object, -1 };

	/*
	 * The kernel hands these on when an owner exits, so a wait behind a dead one is about to
	 * end.
	 */
	if (claim->dies_with_owner) {
		anyone(c, site, object);
		return;
	}
	if (is_older(site->process, claim->owner)) {
		copied_from_the_dead(c, site, object, claim);
		return;
	}
	wait_never(c, site->wait, "its owner, thread %d, has exited", claim->owner);
	wait_finding(c, &fact, "thread %d exited while it held a %s: nobody will ever release it",
		     claim->owner, claim->what);
}

static void owned(struct wait_ctx *c, const struct wait_site *site, uint32_t object,
		  const struct futex_claim *claim, const struct futex_owner *owner)
{
	switch (owner->kind) {
	case OWNER_THREAD:
		describe(c, site, claim, owner->task->tid);
		wait_term_tid(c, site->wait, owner->task->tid, AS_OWNER);
		return;
	case OWNER_OUTSIDE:
		describe(c, site, claim, claim->owner);
		wait_term(c, site->wait,
			  (struct term){ TERM_ACTOR, .as = AS_OWNER,
					 .id = wait_actor(c, owner->tgid) },
			  NULL);
		return;
	case OWNER_ELSEWHERE:
		describe(c, site, claim, claim->owner);
		copied_by_fork(c, site, object, claim, owner->tgid);
		return;
	case OWNER_GONE:
		describe(c, site, claim, claim->owner);
		owner_gone(c, site, object, claim);
		return;
	case OWNER_HEIR:
	case OWNER_UNKNOWN:
		describe(c, site, claim, 0);
		anyone(c, site, object);
	}
}

void futex_state(struct wait_ctx *c, const struct wait_site *site, const struct futex *f,
		 const struct futex_claim *claim)
{
	struct model *m = wait_model(c);
	struct futex_place place = futex_place(c, site, f->private, claim->base);
	uint32_t object = futex_object(c, site, &place, claim);
	struct futex_owner owner;

	model_wait(m, site->wait)->object = object;
	model_wait(m, site->wait)->completion = claim->completion;
	if (!claim->owner) {
		describe(c, site, claim, 0);
		if (claim->arrivals)
			arrivals(c, site, object, claim->arrivals);
		else
			anyone(c, site, object);
		return;
	}
	owner = futex_find_owner(c, site, &place, object, claim->owner);
	if ((owner.kind == OWNER_GONE || owner.kind == OWNER_ELSEWHERE) && !still_so(c, site, f))
		owner.kind = OWNER_UNKNOWN;
	owned(c, site, object, claim, &owner);
}
