/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * graph.h - which waits can ever end: levels by a least fixpoint over the waits' formulas.
 *
 * Each blocked thread has a monotone formula (its wait's terms, `need` of them). Seeds carry a level; a node's
 * label is the least level at which it becomes live, LEVEL_NONE when it never does. Linear in nodes and edges
 * for all levels together (Dowling and Gallier 1984). Not thread-safe.
 */
#pragma once

#include "base/cleanup.h"
#include "model/model.h"

struct graph;

/* What to leave out of the formulas, for questions of the form "and if not ...?". */
struct graph_opts {
	bool no_unused_inherited; /* holders that inherited the descriptor and never used it */
	bool no_pollers;	  /* own time-outs: is it a deadlock behind pollers? */
	uint32_t closed_holder;	  /* 1 + holder index: as if it had closed its descriptor */
};

/* The graph of `m`, solved. `m` must outlive it and not change. Never NULL. */
struct graph *graph_new(const struct model *m, const struct graph_opts *opts);

/* Free it. NULL is fine. */
void graph_free(struct graph *g);
DEFINE_GUARD(graph)
#define _cleanup_graph_ _cleanup_(graph_free_guard)

/* The level of a thread, an actor (any of its threads lives), an actor's exit, or a wait: LEVEL_*. */
uint8_t graph_thread_level(const struct graph *g, uint32_t thread);
/* See graph_thread_level(). */
uint8_t graph_actor_level(const struct graph *g, uint32_t actor);
/* See graph_thread_level(). */
uint8_t graph_wait_level(const struct graph *g, uint32_t wait);
