/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/busy.h"

#include <string.h>

/* What must stand still in a process for its running threads to be called busy. */
struct progress {
	uint64_t start, io_bytes, faults;
	uint32_t fds, threads, children;
	bool known;
};

static uint32_t children_of(const struct snapshot *s, int32_t tgid)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->processes.count; i++)
		n += s->processes.at[i].ppid == tgid;
	return n;
}

static struct progress progress_of(const struct snapshot *s, int32_t tgid)
{
	const struct snap_process *p = snapshot_process(s, tgid);

	if (!p || p->io_bytes == SNAP_UNKNOWN_U64 || p->faults == SNAP_UNKNOWN_U64)
		return (struct progress){ .known = false };
	return (struct progress){
		.start = p->start_ticks,
		.io_bytes = p->io_bytes,
		.faults = p->faults,
		.fds = p->fd_total,
		.threads = p->task_count,
		.children = children_of(s, tgid),
		.known = true,
	};
}

/*
 * A page now and then is no progress: reclaim, page migration and NUMA hints make pages fault again
 * that were there (mm/memory.c, do_numa_page()).
 */
enum { FEW_FAULTS = 3 };

static bool stands_still(const struct progress *a, const struct progress *b)
{
	return a->known && b->known && a->start == b->start && a->io_bytes == b->io_bytes &&
	       b->faults - a->faults <= FEW_FAULTS && a->fds == b->fds &&
	       a->threads == b->threads && a->children == b->children;
}

/* Did the thread run between each two looks, and was it on the run queue at each? */
static bool always_runs(struct snapshot *const *looks, uint32_t count, int32_t tid)
{
	const struct snap_task *last = NULL;

	for (uint32_t i = 0; i < count; i++) {
		const struct snap_task *t = snapshot_task(looks[i], tid);

		if (!t || t->state != 'R')
			return false;
		if (last && (last->start_ticks != t->start_ticks || last->stamp == t->stamp))
			return false;
		last = t;
	}
	return true;
}

void busy_mark(struct model *m, struct snapshot *const *looks, uint32_t count)
{
	if (count < 3)
		return;
	for (uint32_t i = 1; i <= m->threads.count; i++) {
		struct thread *t = model_thread(m, i);
		int32_t pid = model_actor(m, t->actor)->pid;
		bool still = always_runs(looks, count, t->tid);

		for (uint32_t k = 1; still && k < count; k++) {
			struct progress before = progress_of(looks[k - 1], pid);
			struct progress after = progress_of(looks[k], pid);

			still = stands_still(&before, &after);
		}
		t->busy = still;
	}
}

bool busy_progress(struct snapshot *const *looks, uint32_t count)
{
	const struct snapshot *first = looks[0], *last = looks[count - 1];
	uint32_t members[2] = { 0 };

	for (uint32_t i = 0; i < first->processes.count; i++)
		members[0] += first->processes.at[i].in_tree;
	for (uint32_t i = 0; i < last->processes.count; i++) {
		const struct snap_process *p = &last->processes.at[i];
		struct progress before, after;

		if (!p->in_tree)
			continue;
		members[1]++;
		before = progress_of(first, p->tgid);
		after = progress_of(last, p->tgid);
		if (!stands_still(&before, &after))
			return true;
	}
	return members[0] != members[1];
}

/* The same system call with the same arguments from the same place. */
static bool same_place(const struct snap_task *a, const struct snap_task *b)
{
	return a->start_ticks == b->start_ticks && a->has_syscall && b->has_syscall &&
	       a->nr == b->nr && a->sp == b->sp && a->pc == b->pc &&
	       !memcmp(a->args, b->args, sizeof(a->args));
}

void busy_mark_pollers(const struct snapshot *before, struct snapshot *now)
{
	for (uint32_t i = 0; i < now->tasks.count; i++) {
		struct snap_task *t = &now->tasks.at[i];
		const struct snap_task *old = snapshot_task(before, t->tid);
		struct progress then, since;

		if (!now->processes.at[t->process].in_tree || !old || old->stamp == t->stamp ||
		    !same_place(old, t))
			continue;
		then = progress_of(before, t->tgid);
		since = progress_of(now, t->tgid);
		t->polls = stands_still(&then, &since);
	}
}
