/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/from_read.h"

#include "model/spawn.h"
#include "model/syscalls.h"

#include <signal.h>

/* ---- strings --------------------------------------------------------------------------------- */

/* A string of the snapshot as one of the model. */
static uint32_t carry(struct model *m, const struct snapshot *s, uint32_t id)
{
	return id ? strtab_add(m->strings, snapshot_str(s, id)) : 0;
}

/* comm is terminated in the kernel, but nobody checks a snapshot for it. */
static uint32_t carry_comm(struct model *m, const char comm[16])
{
	return strtab_addn(m->strings, comm, 16);
}

/* What could not be known. Later passes of the readers add to it. */
static void carry_missing(struct model *m, const struct snapshot *s)
{
	for (uint32_t i = 0; i < s->missing.count; i++)
		model_add_missing(m, snapshot_str(s, s->missing.at[i]));
}

/* ---- actors ---------------------------------------------------------------------------------- */

/*
 * A reader that cannot see interval timers, nor whether a POSIX timer is armed: does the process
 * have what it takes? alarm(2) without a handler ends it, which few programs want.
 */
static bool timer_possible(const struct snap_process *p)
{
	bool catches = p->has_signals && p->sig_caught & 1ull << (SIGALRM - 1);

	return !p->itimer_known && (catches || (p->posix_timers && p->posix_timers != UINT32_MAX));
}

/* Time left of the next timer of its own that could end a wait; 0: none that we know of. */
static uint64_t next_timer(const struct snapshot *s, const struct snap_process *p)
{
	uint64_t left = p->posix_timer_ns;
	uint64_t itimer = 0;

	if (p->itimer_known && p->itimer_ns)
		itimer = p->itimer_ns > s->taken_boottime_ns ? p->itimer_ns - s->taken_boottime_ns :
							       1;
	if (itimer && (!left || itimer < left))
		left = itimer;
	return left;
}

/*
 * Signals that are pending for good: all threads block them, or the one thread they were sent to
 * does.
 */
static uint64_t pending_blocked(const struct snapshot *s, const struct snap_process *p)
{
	uint64_t all = p->has_signals && p->task_count ? UINT64_MAX : 0;
	uint64_t own = 0;

	for (uint32_t i = 0; i < p->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[p->first_task + i];

		if (!t->has_signals)
			return 0;
		all &= t->sig_blocked;
		own |= t->sig_pending & t->sig_blocked;
	}
	return (p->sig_pending & all) | own;
}

static void fill_identity(struct model *m, const struct snapshot *s, struct actor *a,
			  const struct snap_process *p)
{
	a->ppid = p->ppid;
	a->name = carry_comm(m, p->comm);
	a->exe = carry(m, s, p->exe);
	a->argv = carry(m, s, p->argv);
	a->cgroup = carry(m, s, p->cgroup);
	a->joined = strtab_add(m->strings, p->joined ? p->joined_why : NULL);
	a->state = p->state;
	a->in_tree = p->in_tree;
	a->exited = p->exited;
	a->denied = p->denied;
	a->frozen = p->frozen;
	a->pgrp = p->pgrp;
	a->session = p->session;
	a->uid = p->uid;
	a->pid_ns = p->pid_ns;
	a->net_ns = p->net_ns;
	a->mnt_ns = p->mnt_ns;
	a->fd_total = p->fd_total;
	a->exit_code = p->exit_code;
}

static uint32_t add_process(struct model *m, const struct snapshot *s, const struct snap_process *p)
{
	uint32_t parent = model_find_pid(m, p->ppid);
	uint32_t id = model_add_actor(m, p->tgid, p->start_ticks);
	struct actor *a = model_actor(m, id);

	a->parent = parent;
	fill_identity(m, s, a, p);
	a->timer_possible = timer_possible(p);
	a->timers_known = p->itimer_known && p->posix_timers != UINT32_MAX;
	a->timer_ns = next_timer(s, p);
	if (p->has_signals)
		a->catches_sigchld = p->sig_caught >> (SIGCHLD - 1) & 1;
	return id;
}

/* ---- threads --------------------------------------------------------------------------------- */

/*
 * A signal whose handler could run in it would end a wait in state S; unknown masks: it could. An
 * armed interval timer needs no handler: what SIGALRM does by default is to end the process. A
 * POSIX timer may send any signal.
 */
static bool is_interruptible(const struct snap_process *p, const struct snap_task *t)
{
	uint64_t timer = p->itimer_ns ? 1ull << (SIGALRM - 1) : 0;
	bool any = p->posix_timer_ns || (!p->itimer_known && p->posix_timers);

	if (t->state != 'S')
		return false;
	return any || !p->has_signals || !t->has_signals ||
	       ((p->sig_caught | timer) & ~p->sig_ignored & ~t->sig_blocked);
}

static uint32_t syscall_string(struct model *m, const struct snap_task *t)
{
	const char *name;

	if (!t->has_syscall || t->in_fault)
		return 0;
	if (t->compat)
		return strtab_addf(m->strings, "i386 system call %d", t->nr);
	name = syscall_name(t->nr);
	return name ? strtab_add(m->strings, name) :
		      strtab_addf(m->strings, "system call %d", t->nr);
}

static void add_thread(struct model *m, const struct snapshot *s, uint32_t actor,
		       const struct snap_task *t)
{
	struct thread *to = model_thread(m, model_add_thread(m, actor, t->tid));

	to->name = carry_comm(m, t->comm);
	to->syscall = syscall_string(m, t);
	to->state = t->state;
	to->moved = t->moved;
	to->gone = t->gone;
	to->interruptible = is_interruptible(&s->processes.at[t->process], t);
	to->wchan = carry(m, s, t->wchan);
	if (t->since_ns && t->since_ns <= s->taken_boottime_ns)
		to->since_ms = (s->taken_boottime_ns - t->since_ns) / 1000000;
}

static void add_threads(struct model *m, const struct snapshot *s, uint32_t actor,
			const struct snap_process *p)
{
	struct actor *a;

	for (uint32_t i = 0; i < p->task_count; i++) {
		const struct snap_task *t = &s->tasks.at[p->first_task + i];

		add_thread(m, s, actor, t);
		if (t->tracer && !model_actor(m, actor)->tracer)
			model_actor(m, actor)->tracer = t->tracer;
	}
	a = model_actor(m, actor);
	a->sig_pending_blocked = pending_blocked(s, p);
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* The processes of the tree as lists of children, by index in the snapshot. */
struct tree {
	const struct snapshot *s;
	uint32_t *order; /* of the processes of the tree, by birth */
	uint32_t count;
	uint32_t *first_child, *next_sibling; /* 1 + index */
	uint8_t *added;
	VEC(uint32_t) stack; /* to be added, the next one last */
};

static int compare_birth(const void *pa, const void *pb, void *arg)
{
	const struct snapshot *s = arg;
	const struct snap_process *a = &s->processes.at[*(const uint32_t *)pa];
	const struct snap_process *b = &s->processes.at[*(const uint32_t *)pb];

	if (a->start_ticks != b->start_ticks)
		return a->start_ticks > b->start_ticks ? 1 : -1;
	return (a->tgid > b->tgid) - (a->tgid < b->tgid);
}

/* The parent's index + 1 when it is in the tree and no process is its own parent. */
static uint32_t tree_parent(const struct snapshot *s, const struct snap_process *p)
{
	const struct snap_process *parent = snapshot_process(s, p->ppid);

	if (!parent || !parent->in_tree || parent == p)
		return 0;
	return (uint32_t)(parent - s->processes.at) + 1;
}

static void tree_init(struct tree *t, struct snapshot *s)
{
	t->s = s;
	t->order = xcalloc(s->processes.count + 1, sizeof(*t->order));
	t->first_child = xcalloc(s->processes.count + 1, sizeof(*t->first_child));
	t->next_sibling = xcalloc(s->processes.count + 1, sizeof(*t->next_sibling));
	t->added = xcalloc(s->processes.count + 1, 1);
	for (uint32_t i = 0; i < s->processes.count; i++)
		if (s->processes.at[i].in_tree)
			t->order[t->count++] = i;
	qsort_r(t->order, t->count, sizeof(*t->order), compare_birth, s);
	for (uint32_t i = t->count; i-- > 0;) {
		uint32_t parent = tree_parent(s, &s->processes.at[t->order[i]]);

		if (!parent)
			continue;
		t->next_sibling[t->order[i]] = t->first_child[parent - 1];
		t->first_child[parent - 1] = t->order[i] + 1;
	}
}

static void tree_release(struct tree *t)
{
	free(t->order);
	free(t->first_child);
	free(t->next_sibling);
	free(t->added);
	vec_release(&t->stack);
}

/* Add `index` with all below it, depth first, each list of children by birth. */
static void add_subtree(struct model *m, struct tree *t, uint32_t index)
{
	*vec_push(&t->stack) = index;
	while (t->stack.count) {
		uint32_t at = t->stack.at[--t->stack.count];
		uint32_t base = t->stack.count;

		if (t->added[at])
			continue;
		t->added[at] = 1;
		add_process(m, t->s, &t->s->processes.at[at]);
		for (uint32_t c = t->first_child[at]; c; c = t->next_sibling[c - 1])
			*vec_push(&t->stack) = c - 1;
		for (uint32_t i = base, j = t->stack.count; i + 1 < j; i++) {
			uint32_t swap = t->stack.at[--j];

			t->stack.at[j] = t->stack.at[i];
			t->stack.at[i] = swap;
		}
	}
}

/*
 * The root first, then what has no parent in the tree, then what is its own ancestor in a torn
 * snapshot.
 */
static void add_tree(struct model *m, struct snapshot *s)
{
	const struct snap_process *root = snapshot_process(s, s->root_tgid);
	struct tree t = { .s = NULL };

	tree_init(&t, s);
	if (root && root->in_tree) {
		add_subtree(m, &t, (uint32_t)(root - s->processes.at));
		m->root = 1;
	}
	for (uint32_t i = 0; i < t.count; i++)
		if (!tree_parent(s, &s->processes.at[t.order[i]]))
			add_subtree(m, &t, t.order[i]);
	for (uint32_t i = 0; i < t.count; i++)
		add_subtree(m, &t, t.order[i]);
	tree_release(&t);
}

/* ---- the front ------------------------------------------------------------------------------- */

void model_from_read(struct model *m, struct snapshot *s)
{
	add_tree(m, s);
	for (uint32_t id = 1; id <= m->actors.count; id++) {
		const struct snap_process *p = snapshot_process(s, model_actor(m, id)->pid);

		if (p)
			add_threads(m, s, id, p);
	}
	spawn_find(m, s);
	m->captured_ns = s->taken_realtime_ns;
	m->took_ms = s->took_ms;
	carry_missing(m, s);
}

uint32_t model_actor_of(struct model *m, const struct snapshot *s, int32_t tgid)
{
	uint32_t id = model_find_pid(m, tgid);
	const struct snap_process *p;

	if (id)
		return id;
	p = snapshot_process(s, tgid);
	return p ? add_process(m, s, p) : 0;
}

/* ---- the second stamps ----------------------------------------------------------------------- */

/*
 * A waiter for the GIL wakes every 5 ms to ask for it (Python/ceval_gil.h, DEFAULT_INTERVAL) and
 * looks as if it ran. Its wait stays: a holder that did not run meanwhile cannot have let go of it.
 * So does that of a poller, which only its own time-out wakes.
 */
static bool outlives_stamps(const struct model *m, const struct wait *w)
{
	const struct thread *t = model_thread(m, w->thread);

	return !t->gone && (!t->moved || t->polls || w->kind == WAIT_GIL);
}

/* Whose waits stay: the new id of each wait, 0 when its thread ran meanwhile. */
static uint32_t *renumber_waits(const struct model *m)
{
	uint32_t *ids = xcalloc(m->waits.count + 1, sizeof(*ids));
	uint32_t next = 0;

	for (uint32_t i = 0; i < m->waits.count; i++) {
		if (outlives_stamps(m, &m->waits.at[i]))
			ids[i + 1] = ++next;
	}
	return ids;
}

/*
 * Close the gaps of waits and terms. Terms of a wait lie behind those of earlier ones or before
 * them.
 */
static void drop_waits(struct model *m, const uint32_t *ids)
{
	struct model old = { .waits = m->waits, .terms = m->terms };

	memset(&m->waits, 0, sizeof(m->waits));
	memset(&m->terms, 0, sizeof(m->terms));
	for (uint32_t i = 0; i < old.waits.count; i++) {
		struct wait *w;

		if (!ids[i + 1])
			continue;
		w = vec_push(&m->waits);
		*w = old.waits.at[i];
		w->parent = ids[w->parent];
		w->first_term = m->terms.count;
		for (uint32_t k = 0; k < w->term_count; k++) {
			struct term *t = vec_push(&m->terms);

			*t = old.terms.at[old.waits.at[i].first_term + k];
			if (t->kind != TERM_WAIT)
				continue;
			/* What waited on a wait that is over can go on itself. */
			t->id = ids[t->id];
			t->kind = t->id ? TERM_WAIT : TERM_NOW;
		}
	}
	vec_release(&old.waits);
	vec_release(&old.terms);
}

void model_apply_stamps(struct model *m, const struct snapshot *s)
{
	uint32_t *ids;
	bool ran = false;

	for (uint32_t i = 0; i < m->threads.count; i++) {
		struct thread *t = &m->threads.at[i];
		const struct snap_task *from = snapshot_task(s, t->tid);

		t->moved = t->moved || (from && from->moved);
		t->polls = from && from->polls;
		t->gone = !from || from->gone;
		ran = ran || t->moved || t->gone;
	}
	m->took_ms = s->took_ms;
	carry_missing(m, s);
	if (!ran)
		return;
	ids = renumber_waits(m);
	for (uint32_t i = 0; i < m->threads.count; i++)
		m->threads.at[i].wait = ids[m->threads.at[i].wait];
	for (uint32_t i = 0; i < m->tasks.count; i++) {
		struct task *t = &m->tasks.at[i];

		t->wait = ids[t->wait];
		t->hint |= !t->thread || m->threads.at[t->thread - 1].moved ||
			   m->threads.at[t->thread - 1].gone;
	}
	drop_waits(m, ids);
	free(ids);
}
