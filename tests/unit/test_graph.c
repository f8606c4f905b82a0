/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/graph.h"

#include "lib/unit_tree.h"
#include "read/snapshot.h"

#include <criterion/criterion.h>

static uint8_t level(const struct graph *g, enum node_type type, uint32_t id)
{
	return graph_level_of(graph_node(g, graph_find(g, type, id))->pass);
}

Test(graph, a_circle_of_exits_and_pipes_never_lives)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);
	uint32_t pipe = tree_pipe(m, "pipe:[1]");

	model_add_holder(m, pipe, a, 3, MODE_READ);
	model_add_holder(m, pipe, b, 1, MODE_WRITE);
	tree_wait_exit(m, a, b);
	tree_wait_pipe(m, b, pipe, true);
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	cr_assert_eq(level(g, NODE_THREAD, tree_main(m, a)), LEVEL_NONE);
	cr_assert_eq(level(g, NODE_THREAD, tree_main(m, b)), LEVEL_NONE);
	cr_assert_eq(level(g, NODE_EXIT, b), LEVEL_NONE);
}

Test(graph, a_second_reader_that_runs_frees_the_circle)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);
	uint32_t c = tree_actor(m, 12, "c", a), pipe = tree_pipe(m, "pipe:[1]");

	model_add_holder(m, pipe, a, 3, MODE_READ);
	model_add_holder(m, pipe, c, 3, MODE_READ);
	model_add_holder(m, pipe, b, 1, MODE_WRITE);
	tree_wait_exit(m, a, b);
	tree_wait_pipe(m, b, pipe, true);
	model_thread(m, tree_main(m, c))->moved = true;
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	cr_assert_eq(level(g, NODE_THREAD, tree_main(m, a)), LEVEL_NOW);
}

Test(graph, each_kind_of_seed_gives_its_level)
{
	static const struct {
		enum term_kind term;
		uint8_t level;
	} rows[] = {
		{ TERM_NOW, LEVEL_NOW },	 { TERM_TIME, LEVEL_TIME },
		{ TERM_OUTSIDE, LEVEL_OUTSIDE }, { TERM_NEW, LEVEL_NEW },
		{ TERM_STOPPED, LEVEL_NEW },	 { TERM_UNKNOWN, LEVEL_UNRESOLVED },
		{ TERM_NEVER, LEVEL_NONE },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		_cleanup_model_ struct model *m = model_new();
		uint32_t a = tree_actor(m, 10, "a", 0);

		tree_term(m, tree_wait(m, tree_main(m, a), WAIT_POLL, "polling"), rows[i].term, 0);
		model_index(m);

		_cleanup_graph_ struct graph *g = graph_new(m, NULL);
		cr_assert_eq(level(g, NODE_THREAD, tree_main(m, a)), rows[i].level, "row %zu", i);
	}
}

Test(graph, a_wait_without_terms_is_unresolved_and_not_dead)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0);

	tree_wait(m, tree_main(m, a), WAIT_UNKNOWN, "something");
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	cr_assert_eq(level(g, NODE_THREAD, tree_main(m, a)), LEVEL_UNRESOLVED);
}

Test(graph, hidden_holders_are_unresolved)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), pipe = tree_pipe(m, "pipe:[1]");

	model_object(m, pipe)->holders_seen = HOLDERS_HIDDEN;
	model_add_holder(m, pipe, a, 3, MODE_WRITE);
	tree_wait_pipe(m, a, pipe, false);
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	cr_assert_eq(level(g, NODE_THREAD, tree_main(m, a)), LEVEL_UNRESOLVED);
}

Test(graph, an_armed_timer_and_a_childs_exit_interrupt_a_wait)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);

	tree_term(m, tree_wait(m, tree_main(m, a), WAIT_PIPE_READ, "x"), TERM_NEVER, 0);
	tree_term(m, tree_wait(m, tree_main(m, b), WAIT_SLEEP, "y"), TERM_TIME, 0);
	model_actor(m, a)->catches_sigchld = true;
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	cr_assert_eq(level(g, NODE_THREAD, tree_main(m, a)), LEVEL_TIME);

	model_thread(m, tree_main(m, a))->interruptible = false;
	_cleanup_graph_ struct graph *deaf = graph_new(m, NULL);
	cr_assert_eq(level(deaf, NODE_THREAD, tree_main(m, a)), LEVEL_NONE);

	model_thread(m, tree_main(m, a))->interruptible = true;
	model_actor(m, a)->catches_sigchld = false;
	model_actor(m, a)->timer_ns = 5;
	_cleanup_graph_ struct graph *timed = graph_new(m, NULL);
	cr_assert_eq(level(timed, NODE_THREAD, tree_main(m, a)), LEVEL_TIME);
}

Test(graph, closing_the_last_writer_is_an_end_of_file)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), pipe = tree_pipe(m, "pipe:[1]");
	uint32_t self = model_add_holder(m, pipe, a, 4, MODE_WRITE);

	model_add_holder(m, pipe, a, 3, MODE_READ);
	tree_wait_pipe(m, a, pipe, false);
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	cr_assert_eq(level(g, NODE_THREAD, tree_main(m, a)), LEVEL_NONE);
	_cleanup_graph_ struct graph *closed =
		graph_new(m, &(struct graph_opts){ .closed_holder = self + 1 });
	cr_assert_eq(level(closed, NODE_THREAD, tree_main(m, a)), LEVEL_NOW);
}

/* The least fixpoint the slow way: repeat until nothing changes. */
static bool lives_slowly(const struct model *m, uint32_t thread, bool *thread_lives)
{
	for (bool changed = true; changed;) {
		changed = false;
		for (uint32_t i = 1; i <= m->threads.count; i++) {
			const struct wait *w;
			uint32_t have = 0;

			if (thread_lives[i])
				continue;
			w = model_wait(m, model_thread(m, i)->wait);
			for (uint32_t k = 0; k < w->term_count; k++) {
				const struct term *t = &m->terms.at[w->first_term + k];

				have += t->kind == TERM_NOW ||
					(t->kind == TERM_THREAD && thread_lives[t->id]);
			}
			if (have >= w->need) {
				thread_lives[i] = true;
				changed = true;
			}
		}
	}
	return thread_lives[thread];
}

Test(graph, equals_the_slow_fixpoint_on_random_formulas)
{
	enum { THREADS = 24, RUNS = 2000 };

	srand(1);
	for (int run = 0; run < RUNS; run++) {
		_cleanup_model_ struct model *m = model_new();
		bool thread_lives[THREADS + 1] = { false };

		for (int i = 0; i < THREADS; i++)
			tree_actor(m, 10 + i, "x", 0);
		for (uint32_t i = 1; i <= THREADS; i++) {
			uint32_t w = tree_wait(m, i, WAIT_POLL, "x"),
				 terms = 1 + (uint32_t)rand() % 4;

			for (uint32_t k = 0; k < terms; k++)
				tree_term(m, w,
					  rand() % 12 ? TERM_THREAD :
					  rand() % 2  ? TERM_NOW :
							TERM_NEVER,
					  1 + (uint32_t)rand() % THREADS);
			model_wait(m, w)->need = 1 + (uint32_t)rand() % terms;
		}
		model_index(m);

		_cleanup_graph_ struct graph *g = graph_new(m, NULL);
		for (uint32_t i = 1; i <= THREADS; i++)
			cr_assert_eq(level(g, NODE_THREAD, i) == LEVEL_NOW,
				     lives_slowly(m, i, thread_lives), "run %d thread %u", run, i);
	}
}

Test(graph, components_are_the_circles)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = tree_actor(m, 10, "a", 0), b = tree_actor(m, 11, "b", a);
	uint32_t c = tree_actor(m, 12, "c", a);

	tree_wait_exit(m, a, b); /* a waits for b, b for c, c for b */
	tree_wait_exit(m, b, c);
	tree_wait_exit(m, c, b);
	model_index(m);

	_cleanup_graph_ struct graph *g = graph_new(m, NULL);
	_cleanup_free_ uint32_t *comp = xcalloc(graph_count(g), sizeof(*comp));
	graph_components(g, PASS_NONE, comp);
	uint32_t ca = comp[graph_find(g, NODE_THREAD, tree_main(m, a))];
	uint32_t cb = comp[graph_find(g, NODE_THREAD, tree_main(m, b))];
	uint32_t cc = comp[graph_find(g, NODE_THREAD, tree_main(m, c))];

	cr_assert_eq(cb, cc);
	cr_assert_neq(ca, cb);
	cr_assert_gt(ca, cb, "edges go from higher to lower numbers");
}
