/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * circles.c - what is owed in a circle, where new input could still end the wait.
 *
 * A server at rest has circles too: its main thread joins workers, which wait for a condition that
 * any thread, main as well, could signal; workers share an accept lock whose holder polls listeners
 * and a pipe of their own. Who joins waits for an exit, as who waits for a child does; and a thread
 * that polls for new input and is owed nothing is where a server rests, so no circle leads through
 * it.
 */
#include "graph/judge.h"

static bool has_child_in(const struct judge *j, uint32_t node, const uint32_t *comp)
{
	uint32_t count;
	const uint32_t *children = graph_children(j->g, node, &count);

	for (uint32_t i = 0; i < count; i++)
		if (comp[node] && comp[children[i]] == comp[node])
			return true;
	return false;
}

/* A poll set with something new to wait for, none of whose items is owed by anybody. */
static bool is_at_rest(const struct judge *j, uint32_t node)
{
	uint32_t count;
	const uint32_t *children = graph_children(j->g, node, &count);
	bool rests = false;

	if (graph_node(j->g, node)->pass != PASS_NEW || graph_node(j->g, node)->need > 1)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const struct graph_node *n = graph_node(j->g, children[i]), *by;

		if (n->type != NODE_WAIT)
			continue;
		if (model_wait(j->m, n->id)->completion)
			return false;
		by = n->via == UINT32_MAX ? n : graph_node(j->g, n->via);
		rests |= n->pass == PASS_NEW && by->type == NODE_SEED;
	}
	return rests;
}

bool is_anybodys(const struct model *m, const struct wait *w)
{
	bool any = false;

	for (uint32_t i = 0; i < w->term_count; i++) {
		const struct term *t = &m->terms.at[w->first_term + i];

		if (!term_names(t->kind))
			continue;
		if (t->as != AS_SETTER)
			return false;
		any = true;
	}
	return any;
}

/*
 * A wait that any thread may end, one that waits for new input too, and that nobody owes: who waits
 * for this one may be any of them by that, but does not owe it.
 */
static bool may_be_set(const struct judge *j, uint32_t node)
{
	const struct graph_node *n = graph_node(j->g, node);
	const struct wait *w = model_wait(j->m, n->id);

	return n->pass == PASS_NEW && !w->completion && is_anybodys(j->m, w);
}

/* One that new input ends because somebody may call off what is owed. */
static bool may_be_cancelled(const struct judge *j, uint32_t node)
{
	const struct graph_node *n = graph_node(j->g, node);
	const struct wait *w = model_wait(j->m, n->id);
	const struct graph_node *by = n->via < graph_count(j->g) ? graph_node(j->g, n->via) : NULL;

	for (uint32_t i = 0; by && i < w->term_count; i++) {
		const struct term *t = &j->m->terms.at[w->first_term + i];

		if (t->as == AS_CANCELLER && by->id == t->id &&
		    by->type == (t->kind == TERM_THREAD ? NODE_THREAD : NODE_ACTOR))
			return n->pass == PASS_NEW;
	}
	return false;
}

/* A poll set with an item that somebody could answer who can never go on. */
static bool has_dead_item(const struct judge *j, uint32_t node)
{
	uint32_t count, deep;
	const uint32_t *children = graph_children(j->g, node, &count);

	for (uint32_t i = 0; i < count; i++) {
		const struct graph_node *n = graph_node(j->g, children[i]);

		(void)graph_children(j->g, children[i], &deep);
		if (n->type == NODE_WAIT && n->pass == PASS_NONE && deep > 0)
			return true;
	}
	return false;
}

struct circles circles_find(const struct judge *j)
{
	uint32_t n = graph_count(j->g);
	struct circles c = { .at = xcalloc(n, sizeof(*c.at)) };
	_cleanup_free_ uint32_t *comp = xcalloc(n, sizeof(*comp));
	_cleanup_free_ bool *rests = xcalloc(n, sizeof(*rests));

	for (uint32_t i = 0; i < n; i++)
		rests[i] = graph_node(j->g, i)->type == NODE_WAIT &&
			   (is_at_rest(j, i) || may_be_set(j, i) || may_be_cancelled(j, i));
	graph_components_without(j->g, j->residue, rests, comp);
	for (uint32_t i = 0; i < n; i++) {
		const struct graph_node *node = graph_node(j->g, i);
		const struct wait *w;

		if (!j->reach[i] || node->type != NODE_WAIT)
			continue;
		c.dead |= node->pass == PASS_NEW && has_dead_item(j, i);
		w = model_wait(j->m, node->id);
		if (!w->completion)
			continue;
		if (is_exit_wait(w)) {
			c.exits |= has_child_in(j, i, j->comp);
		} else if (w->kind == WAIT_THREAD_JOIN) {
			c.exits |= has_child_in(j, i, comp);
		} else if (!is_anybodys(j->m, w) && has_child_in(j, i, comp)) {
			c.target = c.strong ? c.target : j->comp[i];
			c.strong = true;
			c.at[i] = j->comp[i] == c.target;
		} else {
			c.debt = true;
		}
	}
	return c;
}
