/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.c - what the main task of a loop waits for, down to the task that is in the way.
 *
 * A way leads along what one task owes another: children of a nursery, tasks that are joined, the
 * owner of a lock. Each of them keeps the one before from going on, so a way that comes back to
 * itself is a deadlock whatever else the loop may be woken by.
 */
#include "graph/judge.h"

#include "model/tasks.h"

#include <string.h>

struct explaining {
	struct judge *j;
	struct model *m;
	uint32_t *way, *at; /* tasks from the main one down, and their next terms to look at */
	uint8_t *colour;    /* by task: 0 new, 1 on the way, 2 left */
	uint32_t count;
};

uint32_t main_task_of(const struct model *m, uint32_t thread)
{
	/* its own actor has it, or an interpreter inside of that */
	for (uint32_t id = 1; id <= m->tasks.count; id++) {
		const struct task *t = model_task(m, id);

		if (t->main && t->thread == thread && !t->hint)
			return id;
	}
	return 0;
}

static enum pass pass_of(const struct explaining *x, uint32_t task)
{
	return graph_node(x->j->g, graph_find(x->j->g, NODE_TASK, task))->pass;
}

/* The wait whose terms are tasks; one that also has a deadline keeps them in an item. */
static const struct wait *inner_wait(const struct model *m, uint32_t task)
{
	uint32_t id = model_task(m, task)->wait;
	const struct wait *w = id ? model_wait(m, id) : NULL;

	if (w && w->term_count && m->terms.at[w->first_term].kind == TERM_WAIT)
		w = model_wait(m, m->terms.at[w->first_term].id);
	return w && w->task == task ? w : NULL;
}

/*
 * The next one that keeps this task from going on. Where one of several would do, none does so
 * for sure.
 */
static uint32_t next_owed(struct explaining *x, uint32_t task, uint32_t *at, enum pass least)
{
	const struct wait *w = inner_wait(x->m, task);

	if (!w || (w->term_count > 1 && w->need != w->term_count))
		return 0;
	while (*at < w->term_count) {
		const struct term *term = &x->m->terms.at[w->first_term + (*at)++];

		if (term->kind == TERM_TASK && !model_task(x->m, term->id)->hint &&
		    pass_of(x, term->id) >= least)
			return term->id;
	}
	return 0;
}

/* The way from `task` to the first circle, x->way[*from ..] is it. False: there is none. */
static bool find_circle(struct explaining *x, uint32_t task, uint32_t *from)
{
	x->way[x->count] = task;
	x->at[x->count++] = 0;
	x->colour[task] = 1;
	while (x->count) {
		uint32_t top = x->count - 1;
		uint32_t next = next_owed(x, x->way[top], &x->at[top], PASS_NEW);

		if (!next) {
			x->colour[x->way[top]] = 2;
			x->count--;
		} else if (x->colour[next] == 1) {
			for (*from = 0; x->way[*from] != next; (*from)++)
				;
			return true;
		} else if (!x->colour[next]) {
			x->way[x->count] = next;
			x->at[x->count++] = 0;
			x->colour[next] = 1;
		}
	}
	return false;
}

/* Without a circle: each time to the one that is least able to go on, of equals the first. */
static void find_leaf(struct explaining *x, uint32_t task)
{
	while (task && !x->colour[task]) {
		uint32_t at = 0, best = 0, next;

		x->colour[task] = 1;
		x->way[x->count++] = task;
		while ((next = next_owed(x, task, &at, PASS_RUNS)))
			if (!best || pass_of(x, next) > pass_of(x, best))
				best = next;
		task = best;
	}
}

static void add_hops(const struct explaining *x, struct hops *h)
{
	for (uint32_t i = 0; i < x->count; i++) {
		const struct task *t = model_task(x->m, x->way[i]);
		struct hop *hop;

		if (!t->wait)
			continue;
		hop = vec_push(&h->at);
		hop->actor = t->actor;
		hop->thread = model_wait(x->m, t->wait)->thread;
		hop->wait = t->wait;
		hop->task = x->way[i];
	}
}

static void say_task_wait(struct strbuf *b, const struct model *m, uint32_t task)
{
	const struct task *t = model_task(m, task);

	say_task(b, m, task);
	strbuf_addf(b, " is %s",
		    t->wait ? model_str(m, model_wait(m, t->wait)->text) :
			      task_state_name(t->state));
}

/* The culprit is that task; what was said of the thread before is kept behind it. */
static void blame(const struct explaining *x, uint32_t task, const char *reason)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct culprit *c = &x->m->verdict.culprit;
	const struct task *t = model_task(x->m, task);

	say_task_wait(&b, x->m, task);
	if (!strcmp(reason, "lock-order") || !strcmp(reason, "task-circle"))
		strbuf_adds(&b, ", which waits for it in turn");
	else if (t->requested == TOLD_YES && t->delivered == TOLD_YES)
		strbuf_adds(&b, " after it was asked to end and told so");
	else if (t->shielded == TOLD_YES)
		strbuf_adds(&b, "; it was asked to end, but a shield holds the cancel back");
	c->actor = t->actor;
	c->task = task;
	c->tid = t->thread ? model_thread(x->m, t->thread)->tid : 0;
	c->object = t->wait ? model_wait(x->m, t->wait)->object : 0;
	c->reason = strtab_add(x->m->strings, reason);
	c->text = strtab_add(x->m->strings, strbuf_str(&b));
}

static void explaining_init(struct explaining *x, struct judge *j)
{
	x->j = j;
	x->m = j->m;
	x->way = xcalloc(j->m->tasks.count + 1, sizeof(*x->way));
	x->at = xcalloc(j->m->tasks.count + 1, sizeof(*x->at));
	x->colour = xcalloc(j->m->tasks.count + 1, sizeof(*x->colour));
}

static void explaining_release(struct explaining *x)
{
	free(x->way);
	free(x->at);
	free(x->colour);
}
DEFINE_PLACE_GUARD(explaining)

bool explain_circle(struct judge *j, struct hops *h)
{
	_cleanup_(explaining_release_guard) struct explaining x = { .j = NULL };
	uint32_t thread = graph_node(j->g, j->focus)->id, from = 0;
	uint32_t task = main_task_of(j->m, thread), culprit;
	bool locks = true;

	if (!task || !model_thread(j->m, thread)->wait)
		return false;
	explaining_init(&x, j);
	if (!find_circle(&x, task, &from))
		return false;
	h->at.count = 0;
	*vec_push(&h->at) = (struct hop){ .thread = thread,
					  .actor = model_thread(j->m, thread)->actor,
					  .wait = model_thread(j->m, thread)->wait };
	add_hops(&x, h);
	culprit = x.way[from];
	for (uint32_t i = x.count; i-- > from;) {
		locks &= inner_wait(x.m, x.way[i])->kind == WAIT_TASK_LOCK;
		/* who waits for a word of the one that waits for its end */
		if (is_anybodys(x.m, inner_wait(x.m, x.way[i])))
			culprit = x.way[i];
	}
	h->cycle = from + 1;
	blame(&x, culprit, locks ? "lock-order" : "task-circle");
	return true;
}

/* The first thread of the process whose exit a task waits for, when it can go on no more than the
 * loop; 0: none. */
static uint32_t dead_child(const struct judge *j, uint32_t task)
{
	const struct wait *w = inner_wait(j->m, task);
	const struct term *term = w && w->term_count == 1 ? &j->m->terms.at[w->first_term] : NULL;
	uint32_t thread;

	if (!term || term->kind != TERM_EXIT || !is_exit_wait(w) ||
	    !model_actor(j->m, term->id)->thread_count)
		return 0;
	thread = model_actor(j->m, term->id)->first_thread;
	return graph_node(j->g, graph_find(j->g, NODE_THREAD, thread))->pass >= j->residue ?
		       thread :
		       0;
}

/*
 * The last task waits for the exit of a process: from that on as the kernel's objects tell. Where
 * the way leads back into the process of the task, the two wait for each other, and of what each
 * owes the other one is to blame.
 */
static bool leads_back(struct explaining *x, struct hops *h)
{
	_cleanup_path_ struct path path = { .cycle = 0 };
	_cleanup_hops_ struct hops rest = { .cycle = 0 };
	uint32_t before = h->at.count, last = x->way[x->count - 1];
	uint32_t child = x->j->comp ? dead_child(x->j, last) : 0, loop;

	if (!child || !model_task(x->m, last)->thread || h->at.at[before - 1].task != last)
		return false;
	loop = graph_find(x->j->g, NODE_THREAD, model_task(x->m, last)->thread);
	if (!x->j->comp[loop])
		return false;
	path_to_component(x->j->g, graph_find(x->j->g, NODE_THREAD, child),
			  &(struct region){ .from = x->j->residue,
					    .comp = x->j->comp,
					    .target = x->j->comp[loop] },
			  &path);
	hops_from_path(x->j, &path, &rest);
	for (uint32_t i = 0; i < rest.at.count; i++) {
		if (rest.at.at[i].actor == model_task(x->m, last)->actor) {
			h->cycle = before - 1;
			culprit_give(x->j, h);
			return true;
		}
		*vec_push(&h->at) = rest.at.at[i];
	}
	h->at.count = before;
	return false;
}

void explain_rest(struct judge *j, struct hops *h)
{
	_cleanup_(explaining_release_guard) struct explaining x = { .j = NULL };
	const struct culprit *c = &j->m->verdict.culprit;
	uint32_t thread = c->tid > 0 ? model_find_tid(j->m, c->tid) : 0;
	const struct thread *t = thread ? model_thread(j->m, thread) : NULL;
	uint32_t task = thread ? main_task_of(j->m, thread) : 0, leaf;

	/* one that is not in its loop waits for what its system call says */
	if (!task || !t->wait || model_wait(j->m, t->wait)->kind != WAIT_POLL)
		return;
	explaining_init(&x, j);
	find_leaf(&x, task);
	add_hops(&x, h);
	leaf = x.way[x.count - 1];
	if (model_task(x.m, leaf)->delivered != TOLD_YES &&
	    model_task(x.m, leaf)->shielded != TOLD_YES && leads_back(&x, h))
		return;
	blame(&x, leaf,
	      model_task(x.m, leaf)->delivered == TOLD_YES ? "cancel-swallowed" :
	      model_task(x.m, leaf)->shielded == TOLD_YES  ? "shielded" :
							     "never-woken");
}

/* Does a wait of its own end with time? */
static bool has_deadline(const struct model *m, uint32_t task)
{
	const struct wait *w =
		model_task(m, task)->wait ? model_wait(m, model_task(m, task)->wait) : NULL;

	for (uint32_t i = 0; w && i < w->term_count; i++)
		if (m->terms.at[w->first_term + i].kind == TERM_TIME)
			return true;
	return false;
}

/*
 * Along what is owed to the one with the deadline, of several the first. Where a task is owed
 * something that needs more than time, the deadline is its own.
 */
static uint32_t find_timed(struct explaining *x, uint32_t task)
{
	uint32_t last = 0;

	while (task && !x->colour[task]) {
		uint32_t at = 0, timed = 0, next;
		bool more = false;

		x->colour[task] = 1;
		x->way[x->count++] = last = task;
		while ((next = next_owed(x, task, &at, PASS_TIME))) {
			more |= pass_of(x, next) > PASS_TIME;
			if (!timed || (!has_deadline(x->m, timed) && has_deadline(x->m, next)))
				timed = next;
		}
		task = more ? 0 : timed;
	}
	return last;
}

void explain_time(struct judge *j, struct hops *h)
{
	_cleanup_(explaining_release_guard) struct explaining x = { .j = NULL };
	const struct hop *last = h->at.count ? &h->at.at[h->at.count - 1] : NULL;
	uint32_t task, leaf;

	/* an item of its set that is up to time is the answer already */
	if (!last || !last->thread || last->task || last->item || !last->wait ||
	    model_wait(j->m, last->wait)->kind != WAIT_POLL)
		return;
	task = main_task_of(j->m, last->thread);
	explaining_init(&x, j);
	if (!task || pass_of(&x, task) != PASS_TIME)
		return;
	leaf = find_timed(&x, task);
	/* what any callback of the loop may do is up to the time-out of the loop */
	if (!has_deadline(j->m, leaf))
		return;
	add_hops(&x, h);
	h->cycle = h->at.count;
	blame(&x, leaf, "sleeping");
}
