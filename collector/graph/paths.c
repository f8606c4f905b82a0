/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/paths.h"

#define NOWHERE UINT32_MAX

static void append(struct path *p, uint32_t node)
{
	*vec_push(&p->nodes) = node;
}

void path_release(struct path *p)
{
	vec_release(&p->nodes);
}

void path_to_seed(const struct graph *g, uint32_t start, struct path *p)
{
	uint32_t node = start;

	/* `via` became live before the node did, so this ends */
	for (;;) {
		uint32_t next = graph_node(g, node)->via;

		append(p, node);
		if (next == node || next == NOWHERE)
			break;
		node = next;
	}
	p->cycle = p->nodes.count;
}

void path_reach(const struct graph *g, uint32_t start, enum pass from, bool *reach)
{
	VEC(uint32_t) open = VEC_INIT;

	reach[start] = true;
	*vec_push(&open) = start;
	while (open.count) {
		uint32_t node = open.at[--open.count], count;
		const uint32_t *children = graph_children(g, node, &count);

		for (uint32_t i = 0; i < count; i++) {
			if (reach[children[i]] || graph_node(g, children[i])->pass < from)
				continue;
			reach[children[i]] = true;
			*vec_push(&open) = children[i];
		}
	}
	vec_release(&open);
}

/* A breadth-first search: back[node] is where it was reached from. */
struct walk {
	const struct graph *g;
	const struct region *r;
	bool inside; /* only nodes of the target */
	uint32_t *back, *queue;
};

static bool is_goal(const struct region *r, uint32_t node)
{
	return r->comp[node] == r->target && (!r->goals || r->goals[node]);
}

/*
 * The nearest node, at least one step from `start`, that is `goal` or, with goal NOWHERE, one of
 * the region's. NOWHERE when there is none.
 */
static uint32_t search(struct walk *w, uint32_t start, uint32_t goal)
{
	const uint32_t *comp = w->r->comp;
	uint32_t head = 0, tail = 0, n = graph_count(w->g);

	for (uint32_t i = 0; i < n; i++)
		w->back[i] = NOWHERE;
	w->queue[tail++] = start;
	while (head < tail) {
		uint32_t node = w->queue[head++], count;
		const uint32_t *children = graph_children(w->g, node, &count);

		for (uint32_t i = 0; i < count; i++) {
			uint32_t child = children[i];

			if (w->back[child] != NOWHERE ||
			    graph_node(w->g, child)->pass < w->r->from ||
			    (w->inside && comp[child] != w->r->target))
				continue;
			w->back[child] = node;
			if (goal == NOWHERE ? is_goal(w->r, child) : child == goal)
				return child;
			if (child != start)
				w->queue[tail++] = child;
		}
	}
	return NOWHERE;
}

/* Append the nodes after `start` up to and including `end`. */
static void append_way(const struct walk *w, uint32_t start, uint32_t end, struct path *p)
{
	uint32_t first = p->nodes.count;

	for (uint32_t node = end; node != start || p->nodes.count == first; node = w->back[node])
		append(p, node);
	for (uint32_t i = first, j = p->nodes.count - 1; i < j; i++, j--) {
		uint32_t swap = p->nodes.at[i];

		p->nodes.at[i] = p->nodes.at[j];
		p->nodes.at[j] = swap;
	}
}

/* The cycle ends in its entry again: let it begin at the thread whose wait that is, and end before
 * that. */
static void turn_cycle(const struct graph *g, struct path *p)
{
	uint32_t first = p->cycle, last = p->nodes.count - 1;

	while (first > 0 && graph_node(g, p->nodes.at[first])->type != NODE_THREAD)
		first--;
	while (last > p->cycle && p->nodes.at[last] != p->nodes.at[first])
		last--;
	if (last == p->cycle)
		return; /* not of a thread's: it stays as it is */
	p->cycle = first;
	p->nodes.count = last + 1;
}

void path_to_component(const struct graph *g, uint32_t start, const struct region *r,
		       struct path *p)
{
	uint32_t n = graph_count(g), entry = start, back;
	_cleanup_free_ uint32_t *memory = xcalloc(2 * (size_t)n + 1, sizeof(*memory));
	struct walk w = { .g = g, .r = r, .back = memory, .queue = memory + n };

	append(p, start);
	if (!is_goal(r, start)) {
		entry = search(&w, start, NOWHERE);
		if (entry == NOWHERE) {
			p->cycle = p->nodes.count;
			return;
		}
		append_way(&w, start, entry, p);
	}
	p->cycle = p->nodes.count - 1;
	w.inside = true;
	back = search(&w, entry, entry);
	if (back == NOWHERE) {
		p->cycle = p->nodes.count;
		return;
	}
	append_way(&w, entry, entry, p);
	if (r->goals)
		turn_cycle(g, p);
	p->nodes.count--; /* the entry stands at its first place already */
}
