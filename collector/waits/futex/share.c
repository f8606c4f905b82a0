/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/futex/share.h"

#include "read/proc/procfs.h"

#include <dirent.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/*
 * So many processes outside of the tree are asked for their maps; more would take longer than the
 * answer is worth.
 */
enum { MAX_OUTSIDE = 512 };

bool futex_same_memory(const struct snap_process *a, const struct snap_process *b)
{
	return a->tgid == b->tgid || (a->mm && a->mm == b->mm);
}

struct futex_place futex_place(struct wait_ctx *c, const struct wait_site *site, bool private_op,
			       uint64_t base)
{
	const struct snapshot *s = wait_snapshot(c);
	struct futex_place place = { .tgid = site->process->tgid };
	const struct maps *maps = private_op ? NULL : wait_maps(c, site->process->tgid);
	const struct map_area *area = maps ? maps_find(maps, base) : NULL;

	if (area && area->shared) {
		place.shared = true;
		place.dev = area->dev;
		place.ino = area->ino;
		place.offset = area->offset + (base - area->start);
		return place;
	}
	for (uint32_t i = 0; site->process->mm && i < s->processes.count; i++)
		if (s->processes.at[i].in_tree &&
		    futex_same_memory(&s->processes.at[i], site->process) &&
		    s->processes.at[i].tgid < place.tgid)
			place.tgid = s->processes.at[i].tgid;
	return place;
}

/* ---- who has the memory -----------------------------------------------------------------------
 */

static bool maps_have(const struct maps *maps, const struct futex_place *place)
{
	for (uint32_t i = 0; maps && i < maps->count; i++) {
		const struct map_area *a = &maps->areas[i];

		if (a->shared && a->ino == place->ino && a->dev == place->dev &&
		    place->offset >= a->offset && place->offset - a->offset < a->end - a->start)
			return true;
	}
	return false;
}

static bool has_memory(struct wait_ctx *c, const struct wait_site *site,
		       const struct snap_process *p, const struct futex_place *place)
{
	if (futex_same_memory(p, site->process))
		return true;
	return place->shared && maps_have(wait_maps(c, p->tgid), place);
}

static bool worth_asking(const struct snap_process *p)
{
	return !p->kernel && !p->exited && !p->vanished;
}

static uint32_t outside_count(const struct snapshot *s)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->processes.count; i++)
		count += worth_asking(&s->processes.at[i]) && !s->processes.at[i].in_tree;
	return count;
}

static bool is_there(int32_t tgid)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d", tgid);
	return !access(path, F_OK);
}

/* All holders of a new object. Says whether every process that could be one was looked into. */
static enum holders_seen add_sharers(struct wait_ctx *c, const struct wait_site *site,
				     const struct futex_place *place, uint32_t object)
{
	const struct snapshot *s = wait_snapshot(c);
	enum holders_seen seen = HOLDERS_COMPLETE;
	uint32_t outside = outside_count(s);

	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (!worth_asking(p) || (!place->shared && !p->in_tree))
			continue;
		if (place->shared && (p->denied || (!p->in_tree && outside > MAX_OUTSIDE))) {
			seen = HOLDERS_VISIBLE;
			continue;
		}
		if (has_memory(c, site, p, place))
			model_add_holder(wait_model(c), object, wait_actor(c, p->tgid), -1,
					 MODE_READ | MODE_WRITE);
		else if (place->shared && !wait_maps(c, p->tgid) && is_there(p->tgid))
			seen = HOLDERS_VISIBLE;
	}
	return seen;
}

uint32_t futex_object(struct wait_ctx *c, const struct wait_site *site,
		      const struct futex_place *place, const struct futex_claim *claim)
{
	struct model *m = wait_model(c);
	uint32_t before = m->objects.count, id;
	enum holders_seen seen;
	char key[96];

	if (place->shared)
		snprintf(key, sizeof(key), "futex:[%u:%u:%" PRIu64 "+0x%" PRIx64 "]",
			 major(place->dev), minor(place->dev), place->ino, place->offset);
	else
		snprintf(key, sizeof(key), "futex:[%d:0x%" PRIx64 "]", place->tgid, claim->base);
	id = model_add_object(m, claim->what, key);
	if (id <= before)
		return id;
	seen = add_sharers(c, site, place, id);
	model_object(m, id)->holders_seen = seen;
	model_object(m, id)->detail = strtab_addf(m->strings,
						  "{\"address\":\"0x%" PRIx64 "\",\"shared\":%s}",
						  claim->base, place->shared ? "true" : "false");
	return id;
}

/* ---- owner ------------------------------------------------------------------------------------
 */

static const struct snap_task *thread_in(const struct snapshot *s, const struct snap_process *p,
					 int32_t ns_tid)
{
	for (uint32_t i = 0; i < p->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[p->first_task + i];

		if (t->ns_tid == ns_tid && t->state != 'Z' && t->state != 'X')
			return t;
	}
	return NULL;
}

const struct snap_task *futex_own_thread(const struct snapshot *s, const struct snap_process *p,
					 int32_t ns_tid)
{
	const struct snap_task *t = thread_in(s, p, ns_tid);

	for (uint32_t i = 0; !t && p->mm && i < s->processes.count; i++)
		if (s->processes.at[i].in_tree && futex_same_memory(&s->processes.at[i], p))
			t = thread_in(s, &s->processes.at[i], ns_tid);
	return t;
}

/* Has the process a thread that came after the snapshot? Then a tid that we do not know may be its.
 */
static bool has_new_threads(const struct snapshot *s, int32_t tgid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", tgid);
	_cleanup_closedir_ DIR *dir = opendir(path);
	if (!dir)
		return true;
	for (const struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		int32_t tid = (int32_t)strtol(e->d_name, NULL, 10);

		if (tid > 0 && !snapshot_task(s, tid))
			return true;
	}
	return false;
}

/*
 * The process of a live thread by its tid in our own namespace, also outside of the tree; 0: there
 * is none.
 */
static int32_t process_of_tid(int32_t tid)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	int64_t tgid = 0;
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/status", tid);
	if (procfs_read(&b, name, NULL) < 0 || !procfs_field_int(strbuf_str(&b), "Tgid:", &tgid))
		return 0;
	return (int32_t)tgid;
}

/*
 * Was `ns_tid`, a thread of `tgid` (0: of nobody any more), the one that forked this process? It
 * left its locks to the child's first thread, which may well release them; whoever is gone counts
 * as well when it is older than the child. Only a thread besides the waiter could do so.
 */
static bool may_be_heir(const struct snap_process *p, int32_t ns_tid, int32_t tgid)
{
	if (p->task_count < 2 || (p->fork_no_exec_known && !p->fork_no_exec))
		return false;
	if (p->forker && p->forker == ns_tid)
		return true;
	return tgid ? !p->forker && tgid == p->ppid : ns_tid < (p->ns_tgid ? p->ns_tgid : p->tgid);
}

/*
 * A vfork child of somebody outside of the tree has his memory, and so the very lock, no copy of
 * it.
 */
static bool lends_memory(const struct snapshot *s, int32_t tgid, int32_t to)
{
	const struct snap_process *p = snapshot_process(s, tgid);

	return p && !p->in_tree && syscall(SYS_kcmp, tgid, to, KCMP_VM, 0, 0) == 0;
}

/* A private lock whose owner is none of our threads: who is it then? */
static struct futex_owner foreign_owner(struct wait_ctx *c, const struct wait_site *site,
					int32_t ns_tid)
{
	const struct snapshot *s = wait_snapshot(c);
	const struct snap_process *p = site->process;
	struct futex_owner owner = { .kind = OWNER_GONE };

	if (has_new_threads(s, p->tgid))
		return (struct futex_owner){ .kind = OWNER_UNKNOWN };
	for (uint32_t i = 0; i < s->tasks.count && !owner.tgid; i++) {
		const struct snap_task *t = &s->tasks.at[i];

		if (t->ns_tid == ns_tid && t->state != 'Z' &&
		    s->processes.at[t->process].pid_ns == p->pid_ns)
			owner.tgid = t->tgid;
	}
	/* Where the process counts pids as we do, /proc knows threads outside of the tree as well.
	 */
	if (!owner.tgid && p->ns_tgid == p->tgid)
		owner.tgid = process_of_tid(ns_tid);
	if (owner.tgid)
		owner.kind = OWNER_ELSEWHERE;
	if (may_be_heir(p, ns_tid, owner.tgid))
		owner.kind = OWNER_HEIR;
	if (owner.tgid && lends_memory(s, owner.tgid, p->tgid))
		owner.kind = OWNER_OUTSIDE;
	return owner;
}

/* Does it number its threads as we do? Its status says so even when nothing else of it may be read.
 */
static bool counts_as_we_do(const struct snap_process *p)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	int64_t last;

	if (p->ns_tgid)
		return p->ns_tgid == p->tgid;
	if (procfs_read_of(&b, p->tgid, 0, "status", NULL) < 0)
		return !is_there(p->tgid);
	return procfs_field_last(strbuf_str(&b), "NSpid:", &last) && last == p->tgid;
}

/* Does a process outside of the tree, of whose threads we know nothing, have a thread `tid`? */
static bool outside_has(const struct snap_process *p, int32_t ns_tid)
{
	return process_of_tid(ns_tid) == p->tgid && counts_as_we_do(p);
}

/*
 * Can the number be of no live thread at all? Of ours there is none, and whoever numbers its
 * threads in another way does not have the memory.
 */
static bool nobody_has(struct wait_ctx *c, const struct futex_place *place, int32_t ns_tid)
{
	const struct snapshot *s = wait_snapshot(c);

	if (process_of_tid(ns_tid))
		return false;
	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (!worth_asking(p) || counts_as_we_do(p))
			continue;
		if (!wait_maps(c, p->tgid) || maps_have(wait_maps(c, p->tgid), place))
			return false;
	}
	return true;
}

static struct futex_owner shared_owner(struct wait_ctx *c, const struct futex_place *place,
				       uint32_t object, int32_t ns_tid)
{
	const struct snapshot *s = wait_snapshot(c);
	struct model *m = wait_model(c);
	struct futex_owner owner = { .kind = OWNER_GONE };
	bool complete = model_object(m, object)->holders_seen == HOLDERS_COMPLETE;
	uint32_t found = 0;

	for (uint32_t i = 0; i < m->holders.count; i++) {
		const struct holder *h = &m->holders.at[i];
		const struct snap_process *p =
			h->object == object ? snapshot_process(s, model_actor(m, h->actor)->pid) :
					      NULL;
		const struct snap_task *t = p ? thread_in(s, p, ns_tid) : NULL;

		if (!p)
			continue;
		if (t)
			owner = (struct futex_owner){ OWNER_THREAD, t, p->tgid };
		else if (!p->in_tree && outside_has(p, ns_tid))
			owner = (struct futex_owner){ OWNER_OUTSIDE, NULL, p->tgid };
		else if (!has_new_threads(s, p->tgid))
			continue;
		else if (p->in_tree)
			complete = false;
		found += t || (!p->in_tree && outside_has(p, ns_tid));
	}
	/* In several pid namespaces one number may name several threads. */
	if (found > 1 || (!found && !complete && !nobody_has(c, place, ns_tid)))
		owner.kind = OWNER_UNKNOWN;
	return owner;
}

struct futex_owner futex_find_owner(struct wait_ctx *c, const struct wait_site *site,
				    const struct futex_place *place, uint32_t object,
				    int32_t ns_tid)
{
	const struct snap_task *t;

	if (place->shared)
		return shared_owner(c, place, object, ns_tid);
	t = futex_own_thread(wait_snapshot(c), site->process, ns_tid);
	if (t)
		return (struct futex_owner){ OWNER_THREAD, t, t->tgid };
	return foreign_owner(c, site, ns_tid);
}
