/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph.h - which waits can ever end: levels by a least fixpoint over the waits' formulas.
 *
 * Nodes are threads, actors (any thread of it lives), exits, waits, objects by access mode, and
 * seeds; and tasks, which live when their wait does and their loop's thread, while no thread lives
 * by them: a loop is woken by what the kernel sees. A node lives when `need` of its children live.
 * Seeds carry a level; a node's label is the least level at which it becomes live, LEVEL_NONE when
 * it never does. Linear in nodes and edges for all levels together (Dowling and Gallier,
 * "Linear-time algorithms for testing the satisfiability of propositional Horn formulae", 1984). A
 * thread cannot become live through itself in a least fixpoint, so edges to one's own process are
 * harmless. Not thread-safe.
 */
#pragma once

#include "base/cleanup.h"
#include "model/model.h"

struct graph;

/* What to leave out of the formulas, for questions of the form "and if not ...?". */
struct graph_opts {
	bool no_inherited; /* holders that have the descriptor only by inheritance */
	bool no_pollers;   /* own time-outs: is it a deadlock behind pollers? */
	/*
	 * who has it unread in a queue that he does not watch, and so keeps it open, does not act
	 */
	bool no_unread;
	bool no_cancel; /* those who may only call off what others owe */
	bool any_child; /* of several tasks that are waited for together one will do: at rest */
	uint32_t closed_holder; /* 1 + holder index: as if it had closed its descriptor; 0 none */
};

enum node_type {
	NODE_THREAD,
	NODE_ACTOR,
	NODE_EXIT,
	NODE_AMBIENT,
	NODE_WAIT,
	NODE_OBJECT,
	NODE_SEED,
	NODE_TASK
};

/* The order in which seeds are let in. Several passes share a level. */
enum pass {
	PASS_RUNS,    /* level 0 */
	PASS_BUSY,    /* level 0: runs, but makes no progress */
	PASS_TIME,    /* level 1 */
	PASS_OUTSIDE, /* level 2 */
	PASS_NEW,     /* level 3 */
	PASS_STOPPED, /* level 3: only somebody who continues a stopped process */
	PASS_UNKNOWN, /* level 4 */
	PASS_NONE,    /* never */
};

struct graph_node {
	uint8_t type; /* enum node_type */
	uint8_t seed; /* enum pass in which it lives by itself; PASS_NONE: it does not */
	uint8_t pass; /* enum pass in which it became live */
	uint8_t mode; /* NODE_OBJECT */
	/* model id of the thread, actor, wait, object, task; of the wait for a seed */
	uint32_t id;
	uint32_t need; /* children that must live */
	uint32_t seen; /* children that do */
	uint32_t via;  /* the child that completed `need`, or itself for a seed */
	uint32_t text; /* string: what a seed stands for, 0 none */
	uint32_t first_child, child_count; /* into the edges, see graph_children() */
};

/* The graph of `m`, solved. `m` must outlive it and not change. `opts` may be NULL. Never NULL. */
struct graph *graph_new(const struct model *m, const struct graph_opts *opts);

/* Free it. NULL is fine. */
void graph_free(struct graph *g);
DEFINE_GUARD(graph)
#define _cleanup_graph_ _cleanup_(graph_free_guard)

/* 1 + the finding that an actor has bytes unread in a socket that it does not watch; 0: none. */
uint32_t graph_unread(const struct model *m, uint32_t actor);

/* LEVEL_* of a pass. */
uint8_t graph_level_of(enum pass pass);

/* The number of nodes; node numbers are below it. */
uint32_t graph_count(const struct graph *g);

/* The node of a number. Borrowed until graph_free(). */
const struct graph_node *graph_node(const struct graph *g, uint32_t node);

/* The number of the node for a thread, actor, exit, wait or task (model id). */
uint32_t graph_find(const struct graph *g, enum node_type type, uint32_t id);

/* The children of a node, *count of them: any of them may be one of the `need`. Borrowed. */
const uint32_t *graph_children(const struct graph *g, uint32_t node, uint32_t *count);

/*
 * Strongly connected components of the nodes whose pass is at least `from`, by edges among them:
 * comp[node] is the component (1..), 0 for the other nodes. Components are numbered so that edges
 * go from higher to lower numbers. Returns their number. `comp` has graph_count() elements.
 * Iterative (Tarjan 1972).
 */
uint32_t graph_components(const struct graph *g, enum pass from, uint32_t *comp);

/* The same as if the nodes with skip[node] were not there. NULL: all are. */
uint32_t graph_components_without(const struct graph *g, enum pass from, const bool *skip,
				  uint32_t *comp);
