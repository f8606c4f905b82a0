/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * components.c - who waits in a circle: strongly connected components, without recursion.
 */
#include "graph/graph.h"

#include "base/alloc.h"

#include <stdlib.h>

/* The state of one depth-first search. Numbers start at 1; 0 is "not visited". */
struct search {
	const struct graph *g;
	enum pass from;
	const bool *skip; /* nodes that are not there, NULL: none */
	uint32_t *comp;
	uint32_t *number, *low, *next; /* by node; next: the child to look at */
	uint32_t *stack, depth;	       /* the path from the root of the search */
	uint32_t *open, open_count;    /* visited and not yet in a component */
	uint32_t visited, components;
};

static bool is_out(const struct search *s, uint32_t node)
{
	return graph_node(s->g, node)->pass < s->from || (s->skip && s->skip[node]);
}

static void enter(struct search *s, uint32_t node)
{
	s->number[node] = s->low[node] = ++s->visited;
	s->stack[s->depth++] = node;
	s->open[s->open_count++] = node;
}

/* All children seen: close the component if `node` is its root, tell the parent on the path. */
static void leave(struct search *s, uint32_t node)
{
	s->depth--;
	if (s->low[node] == s->number[node]) {
		uint32_t member;

		s->components++;
		do {
			member = s->open[--s->open_count];
			s->comp[member] = s->components;
		} while (member != node);
	}
	if (s->depth) {
		uint32_t up = s->stack[s->depth - 1];

		if (s->low[node] < s->low[up])
			s->low[up] = s->low[node];
	}
}

/* One step: the next child of the top of the path, or leave it. */
static void step(struct search *s)
{
	uint32_t node = s->stack[s->depth - 1], count, child;
	const uint32_t *children = graph_children(s->g, node, &count);

	if (s->next[node] == count) {
		leave(s, node);
		return;
	}
	child = children[s->next[node]++];
	if (is_out(s, child))
		return;
	if (!s->number[child])
		enter(s, child);
	else if (!s->comp[child] && s->number[child] < s->low[node])
		s->low[node] = s->number[child];
}

uint32_t graph_components(const struct graph *g, enum pass from, uint32_t *comp)
{
	return graph_components_without(g, from, NULL, comp);
}

uint32_t graph_components_without(const struct graph *g, enum pass from, const bool *skip,
				  uint32_t *comp)
{
	uint32_t n = graph_count(g);
	_cleanup_free_ uint32_t *memory = xcalloc(5 * (size_t)n, sizeof(*memory));
	struct search s = {
		.g = g,
		.from = from,
		.skip = skip,
		.comp = comp,
		.number = memory,
		.low = memory + n,
		.next = memory + 2 * (size_t)n,
		.stack = memory + 3 * (size_t)n,
		.open = memory + 4 * (size_t)n,
	};

	for (uint32_t i = 0; i < n; i++)
		comp[i] = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (s.number[i] || is_out(&s, i))
			continue;
		enter(&s, i);
		while (s.depth)
			step(&s);
	}
	return s.components;
}
