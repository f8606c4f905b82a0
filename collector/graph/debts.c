/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debts.c - a thread waits for work that it gave to another one: the way leads to that one.
 *
 * By the kernel's objects all threads of a pool wait for each other, and of all ways around the
 * shortest would be told. Debts say which of them has the job, the test or the lock that is waited
 * for, and so who is to blame; the verdict is what it is without them.
 */
#include "graph/judge.h"

#include "model/debts.h"

#include <string.h>

enum { WAY_MAX = 64 };

/* Threads from the focus to the one that has the work. */
struct owing {
	struct judge *j;
	struct model *m;
	uint32_t way[WAY_MAX], count;
	uint32_t circle;	 /* index of the one that the last one waits for; WAY_MAX none */
	const struct debt *lost; /* what the last one waits for, and nobody has */
};

static uint32_t node_of(const struct owing *o, uint32_t thread)
{
	return graph_find(o->j->g, NODE_THREAD, thread);
}

static enum pass pass_of(const struct owing *o, uint32_t thread)
{
	return graph_node(o->j->g, node_of(o, thread))->pass;
}

/*
 * Which debt keeps this thread waiting? One that nobody can pay, else that of the first debtor who
 * is as far from going on as the focus: of one further off the focus need not wait.
 */
static const struct debt *worst(const struct owing *o, uint32_t thread)
{
	const struct debt *best = NULL, *debts;
	uint32_t count;

	debts = model_debts(o->m, thread, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (!debts[i].by)
			return &debts[i];
		if (!best && pass_of(o, debts[i].by) == o->j->pass)
			best = &debts[i];
	}
	return best;
}

static void follow(struct owing *o)
{
	while (o->count < WAY_MAX) {
		const struct debt *debt = worst(o, o->way[o->count - 1]);

		if (!debt)
			return;
		if (!debt->by) {
			o->lost = debt;
			return;
		}
		for (uint32_t i = 0; i < o->count; i++)
			if (o->way[i] == debt->by) {
				o->circle = i;
				return;
			}
		o->way[o->count++] = debt->by;
	}
}

static void add_hops(const struct owing *o, struct hops *h)
{
	h->at.count = 0;
	for (uint32_t i = 0; i < o->count; i++) {
		const struct thread *t = model_thread(o->m, o->way[i]);

		*vec_push(&h->at) =
			(struct hop){ .thread = o->way[i], .actor = t->actor, .wait = t->wait };
	}
	h->cycle = o->circle == WAY_MAX ? h->at.count : o->circle;
}

/* ---- beyond ---------------------------------------------------------------------------------- */

/* The smallest root set that a thread leads to, 0 none. */
static uint32_t root_of(const struct owing *o, uint32_t thread)
{
	const struct judge *j = o->j;
	_cleanup_free_ bool *reach = xcalloc(graph_count(j->g), sizeof(*reach));
	uint32_t best = 0;

	path_reach(j->g, node_of(o, thread), j->residue, reach);
	for (uint32_t i = 0; i < graph_count(j->g); i++) {
		uint32_t c = j->comp[i];

		if (reach[i] && j->is_root[c] && (!best || j->size[c] < j->size[best]))
			best = c;
	}
	return best;
}

/* From the thread that has the work on as the kernel's objects tell; it is the last hop so far. */
static void go_on(struct owing *o, struct hops *h)
{
	_cleanup_path_ struct path path = { .cycle = 0 };
	_cleanup_hops_ struct hops rest = { .cycle = 0 };
	struct judge *j = o->j;
	uint32_t last = o->way[o->count - 1], before = h->at.count - 1;

	if (j->target) {
		j->target = root_of(o, last);
		path_to_component(j->g, node_of(o, last),
				  &(struct region){ .from = j->residue,
						    .comp = j->comp,
						    .target = j->target },
				  &path);
	} else {
		path_to_seed(j->g, node_of(o, last), &path);
	}
	hops_from_path(j, &path, &rest);
	h->at.count = before;
	for (uint32_t i = 0; i < rest.at.count; i++)
		*vec_push(&h->at) = rest.at.at[i];
	h->cycle = before + rest.cycle;
}

/*
 * Does the way of that thread lead back to those who wait for it? Then it is where all of them
 * stand; else the kernel's objects tell of whom it waits in turn.
 */
static bool leads_back(const struct owing *o)
{
	const struct judge *j = o->j;
	uint32_t last = node_of(o, o->way[o->count - 1]);

	return j->target && j->comp[last] == j->comp[j->focus];
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void blame(struct owing *o, const char *reason, const char *text)
{
	struct culprit *c = &o->m->verdict.culprit;
	const struct thread *t = model_thread(o->m, o->way[o->count - 1]);

	c->actor = t->actor;
	c->tid = t->tid;
	c->object = t->wait ? model_wait(o->m, t->wait)->object : 0;
	c->reason = strtab_add(o->m->strings, reason);
	c->text = strtab_add(o->m->strings, text);
}

static void blame_last(struct owing *o)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint32_t last = o->way[o->count - 1];
	const struct thread *t = model_thread(o->m, last);

	if (o->lost) {
		blame(o, o->lost->kind == WORK_HOLD ? "never-released" : "work-lost",
		      model_str(o->m, o->lost->lost));
		return;
	}
	say_thread(&b, o->m, last);
	strbuf_addf(&b, " does not end %s",
		    t->script.work ? model_str(o->m, t->script.work) : "what others wait for");
	if (t->wait)
		strbuf_addf(&b, ": it is %s", model_str(o->m, model_wait(o->m, t->wait)->text));
	blame(o, "work-stuck", strbuf_str(&b));
}

/* Each has what the one before wants: of equals the first one is blamed. */
static void blame_circle(struct owing *o)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	uint32_t first = o->way[o->circle];
	uint32_t next = o->way[o->circle + 1 < o->count ? o->circle + 1 : o->circle];
	const struct thread *t = model_thread(o->m, next);
	uint32_t count;
	const struct debt *debt = model_debts(o->m, first, &count);

	say_thread(&b, o->m, next);
	strbuf_addf(&b, " has %s, for which ", debt ? model_str(o->m, debt->what) : "the lock");
	say_thread(&b, o->m, first);
	strbuf_adds(&b, " waits");
	if (t->wait)
		strbuf_addf(&b, ", while it is %s",
			    model_str(o->m, model_wait(o->m, t->wait)->text));
	o->count = (o->circle + 1 < o->count ? o->circle + 1 : o->circle) + 1;
	blame(o, "lock-order", strbuf_str(&b));
}

/* What the culprit keeps from being done is worth a word. */
static void tell_work(const struct owing *o)
{
	struct culprit *c = &o->m->verdict.culprit;
	uint32_t last = o->way[o->count - 1];
	uint32_t work = model_thread(o->m, last)->script.work;
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (!work || !c->text)
		return;
	strbuf_addf(&b, "%s; ", model_str(o->m, c->text));
	say_thread(&b, o->m, last);
	strbuf_addf(&b, " is in %s", model_str(o->m, work));
	c->text = strtab_add(o->m->strings, strbuf_str(&b));
}

bool debts_give(struct judge *j, struct hops *h)
{
	struct owing o = { .j = j, .m = j->m, .circle = WAY_MAX };

	o.way[o.count++] = graph_node(j->g, j->focus)->id;
	if (j->pass == PASS_RUNS)
		return false;
	follow(&o);
	if (o.count == 1 && !o.lost)
		return false;
	add_hops(&o, h);
	if (o.lost || (o.circle == WAY_MAX && leads_back(&o))) {
		blame_last(&o);
		return true;
	}
	if (o.circle != WAY_MAX) {
		blame_circle(&o);
		return true;
	}
	go_on(&o, h);
	culprit_give(j, h);
	tell_work(&o);
	return true;
}
