/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paths.h - ways through a solved graph: why something lives, and where the dead end up.
 */
#pragma once

#include "graph/graph.h"

/* Nodes in order, the start first. */
struct path {
	VEC(uint32_t) nodes;
	/* index of the node that the last one leads back to; nodes.count: no cycle */
	uint32_t cycle;
};

/* From `start`, which lives, to the seed that makes it live. */
void path_to_seed(const struct graph *g, uint32_t start, struct path *p);

/* A component among the nodes of pass >= `from`. `comp` as graph_components() filled it. */
struct region {
	enum pass from;
	const uint32_t *comp;
	uint32_t target;
	const bool *goals; /* nodes of the target that the cycle has to pass one of; NULL: any */
};

/* From `start` to the nearest goal in the region's target, then around the shortest cycle in it,
 * which begins at the thread before the goal when there are goals. */
void path_to_component(const struct graph *g, uint32_t start, const struct region *r,
		       struct path *p);

/* reach[node] is set for every node of pass >= `from` that `start` leads to, itself included. */
void path_reach(const struct graph *g, uint32_t start, enum pass from, bool *reach);

/* Free the path's memory. */
void path_release(struct path *p);
DEFINE_PLACE_GUARD(path)
#define _cleanup_path_ _cleanup_(path_release_guard)
