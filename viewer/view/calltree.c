/* SPDX-License-Identifier: BSD-2-Clause */
#include "calltree.h"

#include "model/tasks.h"

#include <stdlib.h>

enum {
	CROWD = 3, /* so many equal stacks are a crowd, and so many times the odd ones */
	NO_GROUP = UINT32_MAX,
};

/* The most frequent stacks below a node, of two different children; child 0: of the node itself. */
struct crowds {
	uint32_t most, child, second;
};

struct building {
	struct calltree *t;
	struct map children;	      /* (node, call) -> node */
	VEC(struct call_member) seen; /* in the order of the model */
	VEC(uint32_t) next;	      /* by element of seen: the next one of its group */
	VEC(uint32_t) last;	      /* by group: element of seen */
};

static void building_release(struct building *b)
{
	map_release(&b->children);
	vec_release(&b->seen);
	vec_release(&b->next);
	vec_release(&b->last);
}
DEFINE_PLACE_GUARD(building)
#define _cleanup_building_ _cleanup_(building_release_guard)

/* ---- the tree -------------------------------------------------------------------------------- */

static uint32_t child_of(struct building *b, uint32_t parent, uint32_t call)
{
	uint64_t key = map_pair(parent, call);
	struct calltree *t = b->t;
	struct call_node *n;
	uint32_t id;

	if (map_find(&b->children, key, &id))
		return id;
	id = t->nodes.count;
	n = vec_push(&t->nodes);
	n->call = call;
	n->parent = parent;
	n->depth = t->nodes.at[parent].depth + 1;
	n->group = NO_GROUP;
	n->next = t->nodes.at[parent].child;
	t->nodes.at[parent].child = id;
	t->nodes.at[parent].children++;
	map_put(&b->children, key, id);
	return id;
}

static void add_line(struct call_node *n, uint32_t line)
{
	if (!line || n->line_count > CALL_LINES)
		return;
	for (uint32_t i = 0; i < n->line_count && i < CALL_LINES; i++)
		if (n->lines[i] == line)
			return;
	if (n->line_count < CALL_LINES)
		n->lines[n->line_count] = line;
	n->line_count++;
}

/* A culprit without a thread of its own is told by its first one. */
static bool is_culprit(const struct model *m, const struct call_member *who)
{
	const struct culprit *c = &m->verdict.culprit;
	int32_t tid = c->tid > 0 ? c->tid : model_actor(m, who->actor)->pid;

	if (c->actor != who->actor)
		return false;
	if (who->task || c->task)
		return c->task == who->task;
	return model_thread(m, who->thread)->tid == tid;
}

static void add_member(struct building *b, uint32_t node, const struct call_member *who)
{
	struct calltree *t = b->t;
	uint32_t group = t->nodes.at[node].group, id = b->seen.count;
	struct call_group *g;

	*vec_push(&b->seen) = *who;
	*vec_push(&b->next) = 0;
	if (group == NO_GROUP) {
		group = t->nodes.at[node].group = t->groups.count;
		*vec_push(&t->groups) = (struct call_group){ .node = node, .first = id };
		*vec_push(&b->last) = 0;
	}
	g = &t->groups.at[group];
	if (!g->size || b->seen.at[b->last.at[group]].actor != who->actor)
		g->actors++;
	if (g->size)
		b->next.at[b->last.at[group]] = id;
	b->last.at[group] = id;
	g->size++;
	g->tasks += who->task != 0;
	g->lost = t->path->lost;
	g->culprit |= is_culprit(t->m, who);
}

/* The stack that the path has is that of `who`. */
static void add_stack(struct building *b, const struct call_member *who)
{
	struct calltree *t = b->t;
	uint32_t node = 0;

	for (uint32_t i = t->path->depth; i-- > 0;) {
		const struct call_step *step = &t->path->steps[i];

		node = child_of(b, node, step->call);
		t->nodes.at[node].guessed |= step->guessed;
		add_line(&t->nodes.at[node], step->line);
	}
	add_member(b, node, who);
}

static void add_threads(struct building *b, uint32_t actor, uint32_t only)
{
	struct calltree *t = b->t;
	const struct actor *a = model_actor(t->m, actor);

	for (uint32_t i = 0; i < a->thread_count; i++) {
		const struct call_member who = { .actor = actor, .thread = a->first_thread + i };

		if (only ? who.thread != only : model_thread(t->m, who.thread)->gone)
			continue;
		callpath_thread(t->path, who.thread);
		add_stack(b, &who);
		t->threads++;
	}
}

static void add_tasks(struct building *b, uint32_t actor)
{
	struct calltree *t = b->t;
	const struct actor *a = model_actor(t->m, actor);

	for (uint32_t i = 0; i < a->task_count; i++) {
		const struct call_member who = { .actor = actor, .task = a->first_task + i };

		if (model_task(t->m, who.task)->state == TASK_DONE)
			continue;
		callpath_task(t->path, who.task);
		add_stack(b, &who);
		t->tasks++;
	}
}

static void add_actors(struct building *b, uint32_t only)
{
	struct calltree *t = b->t;

	for (uint32_t id = 1; id <= t->m->actors.count; id++) {
		uint32_t before = b->seen.count;

		if (!model_actor(t->m, id)->in_tree)
			continue;
		add_threads(b, id, only);
		if (!only)
			add_tasks(b, id);
		t->actors += b->seen.count > before;
	}
}

/* ---- who is odd ------------------------------------------------------------------------------ */

static void count_crowd(struct crowds *c, uint32_t child, uint32_t size)
{
	if (size > c->most) {
		c->second = c->most;
		c->most = size;
		c->child = child;
	} else if (size > c->second) {
		c->second = size;
	}
}

/*
 * How deep a group goes with a crowd before it leaves it. Of many equal workers and one that does
 * something else, that one leaves them further inside than whoever started them all.
 */
static uint32_t parted(const struct calltree *t, const struct crowds *crowds, uint32_t group)
{
	const struct call_group *g = &t->groups.at[group];
	uint32_t node = g->node, from = 0;

	for (;;) {
		const struct crowds *c = &crowds[node];
		uint32_t crowd = c->child == from ? c->second : c->most;

		if (crowd >= CROWD && crowd / CROWD >= g->size)
			return t->nodes.at[node].depth + 1;
		if (!node)
			return 0;
		from = node;
		node = t->nodes.at[node].parent;
	}
}

/* Parents have smaller numbers than their children. */
static void sum_up(struct calltree *t)
{
	_cleanup_free_ struct crowds *crowds = xcalloc(t->nodes.count, sizeof(*crowds));

	for (uint32_t i = t->nodes.count; i-- > 0;) {
		struct call_node *n = &t->nodes.at[i], *parent = &t->nodes.at[n->parent];

		if (n->group != NO_GROUP) {
			n->groups++;
			n->size += t->groups.at[n->group].size;
			count_crowd(&crowds[i], 0, t->groups.at[n->group].size);
		}
		if (!i)
			break;
		parent->groups += n->groups;
		parent->size += n->size;
		count_crowd(&crowds[n->parent], i, crowds[i].most);
	}
	for (uint32_t i = 0; i < t->groups.count; i++)
		t->groups.at[i].parted = parted(t, crowds, i);
}

static int by_oddness(const void *a, const void *b)
{
	const struct call_group *x = a, *y = b;

	if (x->lost != y->lost)
		return x->lost ? 1 : -1;
	if (x->parted != y->parted)
		return x->parted > y->parted ? -1 : 1;
	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	if (x->culprit != y->culprit)
		return x->culprit ? -1 : 1;
	return x->first < y->first ? -1 : 1;
}

/* Groups in the order to be shown, their members side by side. */
static void sort_groups(struct building *b)
{
	struct calltree *t = b->t;

	if (t->groups.count)
		qsort(t->groups.at, t->groups.count, sizeof(*t->groups.at), by_oddness);
	for (uint32_t i = 0; i < t->nodes.count; i++)
		t->nodes.at[i].best = NO_GROUP;
	for (uint32_t i = 0; i < t->groups.count; i++) {
		struct call_group *g = &t->groups.at[i];
		uint32_t who = g->first;

		g->first = t->members.count;
		for (uint32_t k = 0; k < g->size; k++, who = b->next.at[who])
			*vec_push(&t->members) = b->seen.at[who];
		t->nodes.at[g->node].group = i;
		for (uint32_t n = g->node; t->nodes.at[n].best > i; n = t->nodes.at[n].parent)
			t->nodes.at[n].best = i;
	}
}

struct calltree *calltree_new(const struct model *m, uint32_t thread, bool whole)
{
	struct calltree *t = xcalloc(1, sizeof(*t));
	_cleanup_building_ struct building b = { .t = t };

	t->m = m;
	t->path = callpath_new(m, whole);
	vec_push(&t->nodes)->group = NO_GROUP;
	add_actors(&b, thread);
	sum_up(t);
	sort_groups(&b);
	return t;
}

void calltree_free(struct calltree *t)
{
	if (!t)
		return;
	callpath_free(t->path);
	vec_release(&t->nodes);
	vec_release(&t->groups);
	vec_release(&t->members);
	free(t);
}
