/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/paths.h"

#include "lib/unit_tree.h"

#include <criterion/criterion.h>

Test(paths, to_the_seed_that_makes_it_live)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);

	tree_wait_exit(m, a, b);
	tree_term(m, tree_wait(m, tree_main(m, b), WAIT_SLEEP, "sleeping"), TERM_TIME, 0);
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	_cleanup_path_ struct path p = { .cycle = 0 };
	path_to_seed(g, graph_find(g, NODE_THREAD, tree_main(m, a)), &p);
	cr_assert_eq(graph_node(g, p.nodes.at[p.nodes.count - 1])->type, NODE_SEED);
	cr_assert_eq(p.cycle, p.nodes.count, "no cycle");
}

Test(paths, into_a_circle_and_around_it_once)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);
	uint32_t c = tree_actor(m, 12, "c", a);

	tree_wait_exit(m, a, b);
	tree_wait_exit(m, b, c);
	tree_wait_exit(m, c, b);
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	_cleanup_free_ uint32_t *comp = xcalloc(graph_count(g), sizeof(*comp));
	_cleanup_path_ struct path p = { .cycle = 0 };
	uint32_t start = graph_find(g, NODE_THREAD, tree_main(m, a));
	struct region r = { .from = PASS_NONE, .comp = comp };

	graph_components(g, PASS_NONE, comp);
	r.target = comp[graph_find(g, NODE_THREAD, tree_main(m, b))];
	path_to_component(g, start, &r, &p);
	cr_assert_eq(p.nodes.at[0], start);
	cr_assert_lt(p.cycle, p.nodes.count);
	for (uint32_t i = p.cycle; i < p.nodes.count; i++)
		cr_assert_eq(comp[p.nodes.at[i]], r.target);
	for (uint32_t i = 0; i < p.nodes.count; i++)
		for (uint32_t k = 0; k < i; k++)
			cr_assert_neq(p.nodes.at[i], p.nodes.at[k], "no node twice");
}

/* Two circles in one component: a with itself, and a with b. The longer one has the goal. */
Test(paths, round_through_a_goal)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a), own, goal;

	own = tree_wait(m, tree_main(m, a), WAIT_UNIX_RECV, "of itself or of b");
	tree_term(m, own, TERM_ACTOR, a);
	tree_term(m, own, TERM_ACTOR, b);
	goal = tree_wait(m, tree_main(m, b), WAIT_UNIX_SEND, "to a");
	tree_term(m, goal, TERM_ACTOR, a);
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	_cleanup_free_ uint32_t *comp = xcalloc(graph_count(g), sizeof(*comp));
	_cleanup_free_ bool *goals = xcalloc(graph_count(g), sizeof(*goals));
	_cleanup_path_ struct path shortest = { .cycle = 0 }, through = { .cycle = 0 };
	uint32_t start = graph_find(g, NODE_THREAD, tree_main(m, a));
	uint32_t other = graph_find(g, NODE_THREAD, tree_main(m, b)), seen = 0;
	struct region r = { .from = PASS_NONE, .comp = comp };

	graph_components(g, PASS_NONE, comp);
	r.target = comp[start];
	cr_assert_eq(comp[other], r.target);
	path_to_component(g, start, &r, &shortest);
	for (uint32_t i = 0; i < shortest.nodes.count; i++)
		cr_assert_neq(shortest.nodes.at[i], other, "the shortest is that of a alone");

	goals[graph_find(g, NODE_WAIT, goal)] = true;
	r.goals = goals;
	path_to_component(g, start, &r, &through);
	cr_assert_eq(through.nodes.at[0], start);
	cr_assert_eq(through.nodes.at[through.cycle], other, "from the thread of the goal");
	for (uint32_t i = through.cycle; i < through.nodes.count; i++) {
		seen += through.nodes.at[i] == graph_find(g, NODE_WAIT, goal);
		seen += through.nodes.at[i] == start;
	}
	cr_assert_eq(seen, 2, "round through both");
}
