/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/verdict.h"

#include "graph/judge.h"
#include "model/debts.h"

#include <string.h>

/* So many pieces of missing evidence are named. */
enum { MISSING_NAMED = 16 };

/*
 * The thread that the question is about: the one asked for, else the root's main thread, else its
 * first live one.
 */
static uint32_t focus_thread(const struct model *m)
{
	const struct actor *root;

	if (m->verdict.focus_thread)
		return m->verdict.focus_thread;
	if (!m->root)
		return 0;
	root = model_actor(m, m->root);
	for (uint32_t i = 0; i < root->thread_count; i++) {
		char state = model_thread(m, root->first_thread + i)->state;

		if (state != 'Z' && state != 'X')
			return root->first_thread + i;
	}
	return 0;
}

static void find_roots(struct judge *j)
{
	uint32_t n = graph_count(j->g);

	j->comp = xcalloc(n, sizeof(*j->comp));
	j->components = graph_components(j->g, j->residue, j->comp);
	j->size = xcalloc(j->components + 1, sizeof(*j->size));
	j->is_root = xcalloc(j->components + 1, sizeof(*j->is_root));
	memset(j->is_root, 1, j->components + 1);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t count;
		const uint32_t *children = graph_children(j->g, i, &count);

		j->size[j->comp[i]]++;
		for (uint32_t k = 0; j->comp[i] && k < count; k++)
			if (j->comp[children[k]] && j->comp[children[k]] != j->comp[i])
				j->is_root[j->comp[i]] = false;
	}
	j->is_root[0] = false;
}

/* The smallest root set that the focus leads to: whoever is not in it is a victim. */
static uint32_t nearest_root(const struct judge *j)
{
	uint32_t best = 0;

	for (uint32_t i = 0; i < graph_count(j->g); i++) {
		uint32_t c = j->comp[i];

		if (j->reach[i] && j->is_root[c] && (!best || j->size[c] < j->size[best]))
			best = c;
	}
	return best;
}

/* Does the focus wait for a job that nobody has any more? */
static bool waits_for_lost(const struct judge *j)
{
	uint32_t count;
	const struct debt *debts = model_debts(j->m, graph_node(j->g, j->focus)->id, &count);

	return count && !debts->by && debts->kind == WORK_JOB;
}

/*
 * The focus could only be woken by new input. A server at rest looks so, and a hang whose members
 * also listen: something that is owed in a circle makes the difference; where only an exit is owed,
 * nothing can be shown.
 */
static void judge_new(struct judge *j)
{
	struct circles c = circles_find(j);
	struct verdict *v = &j->m->verdict;

	if (c.strong) {
		v->kind = VERDICT_DEADLOCK;
		v->confidence = CONFIDENCE_PROBABLE;
		j->target = c.target;
		j->owed = steal(c.at);
	} else if (waits_for_lost(j)) {
		v->kind = VERDICT_DEADLOCK;
		v->confidence = CONFIDENCE_PROBABLE;
	} else if (c.exits || c.debt || c.dead) {
		j->beside_dead = !c.exits && !c.debt;
		v->kind = VERDICT_UNDETERMINED;
		*vec_push(&v->missing) = strtab_add(
			j->m->strings,
			j->beside_dead ? "whether it rests, or waits for the one that can never "
					 "go on, shows only in its tasks" :
					 "whether a server at rest is meant to end, or was asked "
					 "to and does not, shows only in its tasks");
	} else {
		v->kind = VERDICT_IDLE;
	}
	free(c.at);
}

static bool name_once(struct model *m, uint32_t text)
{
	struct verdict *v = &m->verdict;

	if (ids_have(v->missing.at, v->missing.count, text))
		return true;
	if (v->missing.count >= MISSING_NAMED)
		return false;
	*vec_push(&v->missing) = text;
	return true;
}

static void judge_unknown(struct judge *j)
{
	j->m->verdict.kind = VERDICT_UNDETERMINED;
	for (uint32_t i = 0; i < graph_count(j->g); i++) {
		const struct graph_node *n = graph_node(j->g, i);

		if (j->reach[i] && n->type == NODE_SEED && n->text && n->seed == PASS_UNKNOWN &&
		    !name_once(j->m, n->text))
			return;
	}
}

static void caveat(struct judge *j, bool *proven, const char *text)
{
	struct verdict *v = &j->m->verdict;
	uint32_t id = strtab_add(j->m->strings, text);

	*proven = false;
	if (!ids_have(v->caveats.at, v->caveats.count, id))
		*vec_push(&v->caveats) = id;
}

/*
 * Who has the waiter's own descriptor can end some waits as well: shutdown(2) of a socket wakes
 * whoever reads it, and epoll_ctl(2) adds what is ready to the set that another thread waits for.
 */
static bool has_lively_sharer(const struct judge *j, uint32_t wait)
{
	uint32_t object = model_wait(j->m, wait)->object, count;
	const uint32_t *holders;
	const char *kind;

	if (!object)
		return false;
	kind = model_str(j->m, model_object(j->m, object)->kind);
	if (strcmp(kind, "socket") != 0 && strcmp(kind, "epoll") != 0)
		return false;
	holders = model_holders(j->m, object, &count);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t actor = j->m->holders.at[holders[i]].actor;

		if (graph_node(j->g, graph_find(j->g, NODE_ACTOR, actor))->pass != PASS_NONE)
			return true;
	}
	return false;
}

/* What keeps a deadlock from being proven, node by node of the dead set. */
static void check_node(struct judge *j, const struct graph_node *n, bool *proven)
{
	const struct actor *a;

	if (n->type == NODE_WAIT && !model_wait(j->m, n->id)->task && has_lively_sharer(j, n->id))
		caveat(j, proven,
		       "a thread that can go on shares a member's socket or epoll set: it may "
		       "shut that down or add to it");
	if (n->type == NODE_WAIT && model_wait(j->m, n->id)->doubt)
		caveat(j, proven, model_str(j->m, model_wait(j->m, n->id)->doubt));
	if (n->type == NODE_OBJECT && model_object(j->m, n->id)->holders_seen != HOLDERS_COMPLETE)
		caveat(j, proven, "there may be holders that cannot be seen from here");
	if (n->type != NODE_THREAD)
		return;
	a = model_actor(j->m, model_thread(j->m, n->id)->actor);
	if (a->tracer)
		caveat(j, proven, "a member is traced: its tracer may act");
	if (a->frozen)
		caveat(j, proven, "a member is frozen: its cgroup's operator may thaw it");
	if (!a->timers_known)
		caveat(j, proven, "an interval timer may be armed: this reader cannot see it");
	if (a->denied)
		caveat(j, proven, "a member could not be looked into");
}

/* The way to the root set and around it; else to the seed that would wake the focus. */
static void find_path(struct judge *j)
{
	if (j->target)
		path_to_component(j->g, j->focus,
				  &(struct region){ .from = j->residue,
						    .comp = j->comp,
						    .target = j->target,
						    .goals = j->owed },
				  &j->path);
	else
		path_to_seed(j->g, j->focus, &j->path);
}

static void find_residue(struct judge *j)
{
	j->residue = j->pass;
	find_roots(j);
	j->reach = xcalloc(graph_count(j->g), sizeof(*j->reach));
	path_reach(j->g, j->focus, j->residue, j->reach);
}

void judge_dead(struct judge *j)
{
	struct verdict *v = &j->m->verdict;
	bool proven = true;

	find_residue(j);
	v->kind = VERDICT_DEADLOCK;
	j->target = nearest_root(j);
	for (uint32_t i = 0; i < graph_count(j->g); i++)
		if (j->reach[i])
			check_node(j, graph_node(j->g, i), &proven);
	if (j->m->unstable)
		caveat(j, &proven, "descriptors changed hands while they were read");
	v->confidence = proven ? CONFIDENCE_PROVEN : CONFIDENCE_PROBABLE;
	find_path(j);
}

static void judge_focus(struct judge *j)
{
	static const uint8_t kinds[] = {
		[PASS_RUNS] = VERDICT_PROGRESSING, [PASS_BUSY] = VERDICT_BUSY,
		[PASS_TIME] = VERDICT_TIMEOUT,	   [PASS_OUTSIDE] = VERDICT_EXTERNAL,
		[PASS_STOPPED] = VERDICT_STOPPED,
	};
	struct verdict *v = &j->m->verdict;

	if (j->pass == PASS_NONE) {
		judge_dead(j);
		return;
	}
	if (j->pass >= PASS_NEW)
		find_residue(j);
	v->confidence = CONFIDENCE_PROVEN;
	if (j->pass == PASS_NEW)
		judge_new(j);
	else if (j->pass == PASS_UNKNOWN)
		judge_unknown(j);
	else
		v->kind = kinds[j->pass];
	if (v->kind == VERDICT_UNDETERMINED || v->kind == VERDICT_IDLE || v->kind == VERDICT_BUSY)
		v->confidence = CONFIDENCE_PROBABLE;
	find_path(j);
}

static void add_chain_wait(struct verdict *v, uint32_t wait)
{
	if (!ids_have(v->chain.at, v->chain.count, wait))
		*vec_push(&v->chain) = wait;
}

static void add_member(struct verdict *v, uint32_t actor)
{
	if (!ids_have(v->members.at, v->members.count, actor))
		*vec_push(&v->members) = actor;
}

/* The chain, the root set's members, and since when all of them have stood still. */
static void fill_chain(struct judge *j, const struct hops *h)
{
	struct verdict *v = &j->m->verdict;

	v->since_ms = UINT64_MAX;
	for (uint32_t i = 0; i < h->at.count; i++) {
		const struct hop *hop = &h->at.at[i];

		if (hop->wait)
			add_chain_wait(v, hop->wait);
		if (hop->item)
			add_chain_wait(v, hop->item);
		if (i >= h->cycle || i + 1 == h->at.count)
			add_member(v, hop->actor);
		if (hop->thread && model_thread(j->m, hop->thread)->since_ms < v->since_ms)
			v->since_ms = model_thread(j->m, hop->thread)->since_ms;
	}
}

/* Members of the root set that the chain does not pass. */
static void fill_members(struct judge *j)
{
	for (uint32_t i = 0; j->target && i < graph_count(j->g); i++) {
		const struct graph_node *n = graph_node(j->g, i);

		if (j->comp[i] == j->target && n->type == NODE_THREAD)
			add_member(&j->m->verdict, model_thread(j->m, n->id)->actor);
	}
}

static void give_levels(struct judge *j)
{
	for (uint32_t i = 1; i <= j->m->waits.count; i++)
		model_wait(j->m, i)->level =
			graph_level_of(graph_node(j->g, graph_find(j->g, NODE_WAIT, i))->pass);
}

static void mark_relevant(struct model *m)
{
	for (uint32_t i = 0; i < m->waits.count; i++)
		if (m->waits.at[i].object)
			model_object(m, m->waits.at[i].object)->relevant = true;
	for (uint32_t i = 0; i < m->terms.count; i++)
		if (m->terms.at[i].kind == TERM_OBJECT)
			model_object(m, m->terms.at[i].id)->relevant = true;
	for (uint32_t i = 0; i < m->findings.count; i++)
		if (m->findings.at[i].object)
			model_object(m, m->findings.at[i].object)->relevant = true;
	if (m->verdict.culprit.object)
		model_object(m, m->verdict.culprit.object)->relevant = true;
}

/*
 * No thread to ask about: the root is a zombie, or it is one that this reader is not shown (a
 * sandbox may hide it).
 */
static void say_without_focus(struct model *m)
{
	struct verdict *v = &m->verdict;
	const struct actor *root = m->root ? model_actor(m, m->root) : NULL;
	bool exited = !root || root->exited || root->state == 'Z' || root->state == 'X';
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	v->kind = exited ? VERDICT_EXITED : VERDICT_UNDETERMINED;
	v->confidence = exited ? CONFIDENCE_PROVEN : CONFIDENCE_PROBABLE;
	v->since_ms = UINT64_MAX;
	if (root)
		say_actor(&b, m, m->root);
	if (!root)
		strbuf_adds(&b, "it has exited");
	else if (exited)
		strbuf_adds(&b, " has exited and was not reaped by its parent");
	else
		strbuf_adds(&b, " exists, but none of its threads can be seen from here");
	v->summary = strtab_add(m->strings, strbuf_str(&b));
	if (!exited)
		*vec_push(&v->missing) = v->summary;
}

void judge_release(struct judge *j)
{
	graph_free(j->g);
	free(j->comp);
	free(j->reach);
	free(j->size);
	free(j->is_root);
	free(j->owed);
	path_release(&j->path);
}

/*
 * At rest, but its tasks wait for each other, or it was asked to end: that is a hang.
 */
static bool judge_tasks(struct judge *j, struct hops *h)
{
	_cleanup_hops_ struct hops asked = { .cycle = 0 };
	struct verdict *v = &j->m->verdict;
	struct hops swap;

	if (j->pass < PASS_NEW || j->pass > PASS_UNKNOWN || v->kind == VERDICT_DEADLOCK)
		return false;
	if (!explain_circle(j, &asked) &&
	    (j->pass != PASS_NEW || (!asked_give(j, &asked) && !owed_give(j, &asked))))
		return false;
	v->kind = VERDICT_DEADLOCK;
	if (v->confidence != CONFIDENCE_CONDITIONAL)
		v->confidence = CONFIDENCE_PROBABLE;
	vec_release(&v->missing);
	swap = *h;
	*h = asked;
	asked = swap;
	return true;
}

/* Which tasks of a loop are in the way; not where the kernel's objects have said who owes what. */
static void explain(struct judge *j, struct hops *h)
{
	_cleanup_hops_ struct hops tasks = { .cycle = 0 };

	if (j->pass == PASS_NONE && h->at.count == 1 && explain_circle(j, &tasks)) {
		struct hops swap = *h;

		*h = tasks;
		tasks = swap;
	} else if (!j->owed) {
		explain_rest(j, h);
	}
}

static void judge_thread(struct judge *j, uint32_t thread)
{
	_cleanup_hops_ struct hops hops = { .cycle = 0 };
	struct verdict *v = &j->m->verdict;

	v->focus_thread = thread;
	j->focus = graph_find(j->g, NODE_THREAD, thread);
	j->pass = graph_node(j->g, j->focus)->pass;
	judge_focus(j);
	hops_from_path(j, &j->path, &hops);
	if (judge_tasks(j, &hops)) {
		fill_chain(j, &hops);
	} else {
		bool owed = debts_give(j, &hops);

		fill_members(j);
		if (!owed)
			culprit_give(j, &hops);
		if (!owed && v->kind == VERDICT_DEADLOCK)
			explain(j, &hops);
		else if (!owed && v->kind == VERDICT_TIMEOUT)
			explain_time(j, &hops);
		fill_chain(j, &hops);
	}
	sentence_give(j, &hops);
}

/* Forget an earlier answer, but not the thread that was asked about. */
static void reset(struct model *m)
{
	uint32_t focus = m->verdict.focus_thread;

	vec_release(&m->verdict.chain);
	vec_release(&m->verdict.members);
	vec_release(&m->verdict.missing);
	vec_release(&m->verdict.caveats);
	memset(&m->verdict, 0, sizeof(m->verdict));
	m->verdict.focus_thread = focus;
	for (uint32_t i = 0; i < m->sides.count; i++)
		vec_release(&m->sides.at[i].members);
	m->sides.count = 0;
}

void verdict_give(struct model *m)
{
	struct judge j = { .m = m };
	uint32_t focus;

	reset(m);
	focus = focus_thread(m);
	j.g = graph_new(m, NULL);
	give_levels(&j);
	if (focus) {
		judge_thread(&j, focus);
		sides_give(&j);
	} else {
		say_without_focus(m);
	}
	mark_relevant(m);
	judge_release(&j);
}
