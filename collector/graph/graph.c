/* SPDX-License-Identifier: BSD-2-Clause */
#include "graph/graph.h"

#include "model/tasks.h"
#include "read/snapshot.h"

#include <assert.h>
#include <string.h>

struct edge {
	uint32_t from, to; /* `from` may live through `to` */
};

struct graph {
	const struct model *m;
	struct graph_opts opts;
	VEC(struct graph_node) nodes;
	VEC(struct edge) edges;
	uint32_t *children; /* edge targets grouped by `from` */
	uint32_t *parents;  /* edge sources grouped by `to` */
	uint32_t *first_parent;
	struct map objects; /* (object, mode) -> node */
	bool *ambient;	    /* by actor: something may interrupt any of its waits */
};

uint8_t graph_level_of(enum pass pass)
{
	static const uint8_t levels[] = {
		[PASS_RUNS] = LEVEL_NOW,
		[PASS_BUSY] = LEVEL_NOW,
		[PASS_TIME] = LEVEL_TIME,
		[PASS_OUTSIDE] = LEVEL_OUTSIDE,
		[PASS_NEW] = LEVEL_NEW,
		[PASS_STOPPED] = LEVEL_NEW,
		[PASS_UNKNOWN] = LEVEL_UNRESOLVED,
		[PASS_NONE] = LEVEL_NONE,
	};

	return levels[pass];
}

static uint32_t add_node(struct graph *g, enum node_type type, uint32_t id)
{
	struct graph_node *n = vec_push(&g->nodes);

	n->type = (uint8_t)type;
	n->id = id;
	n->need = 1;
	n->seed = n->pass = PASS_NONE;
	n->via = UINT32_MAX;
	return g->nodes.count - 1;
}

static void add_edge(struct graph *g, uint32_t from, uint32_t to)
{
	struct edge *e = vec_push(&g->edges);

	e->from = from;
	e->to = to;
}

/* A leaf that lives in `pass`; `id` is the wait or actor it belongs to. */
static void add_seed(struct graph *g, uint32_t from, enum pass pass, uint32_t id, uint32_t text)
{
	uint32_t seed = add_node(g, NODE_SEED, id);

	g->nodes.at[seed].seed = (uint8_t)pass;
	g->nodes.at[seed].text = text;
	add_edge(g, from, seed);
}

uint32_t graph_find(const struct graph *g, enum node_type type, uint32_t id)
{
	uint32_t threads = g->m->threads.count, actors = g->m->actors.count;

	assert(id && (type <= NODE_WAIT || type == NODE_TASK));
	switch (type) {
	case NODE_THREAD:
		return id - 1;
	case NODE_ACTOR:
		return threads + id - 1;
	case NODE_EXIT:
		return threads + actors + id - 1;
	case NODE_AMBIENT:
		return threads + 2 * actors + id - 1;
	case NODE_TASK:
		return threads + 3 * actors + g->m->waits.count + id - 1;
	default:
		return threads + 3 * actors + id - 1;
	}
}

uint32_t graph_unread(const struct model *m, uint32_t actor)
{
	for (uint32_t i = 0; i < m->findings.count; i++) {
		const struct finding *f = &m->findings.at[i];

		if (f->actor == actor && !strcmp(model_str(m, f->kind), "unread-bytes"))
			return i + 1;
	}
	return 0;
}

/* Is this holder left out by the question that is asked? */
static bool left_out(const struct graph *g, uint32_t index)
{
	const struct holder *h = &g->m->holders.at[index];
	if (g->opts.no_unread && h->fd < 0 && graph_unread(g->m, h->actor))
		return true;
	return g->opts.closed_holder == index + 1 ||
	       (g->opts.no_inherited && h->inherited && h->used != 1);
}

/* Asked without some holder: does the last one's close wake whoever waits at the other end? */
static bool ends_of_file(const struct graph *g, const struct object *o)
{
	const char *kind = model_str(g->m, o->kind);

	return (g->opts.closed_holder || g->opts.no_inherited) &&
	       (!strcmp(kind, "pipe") || !strcmp(kind, "fifo") || !strcmp(kind, "socket"));
}

/*
 * The node "some holder of this object with that mode acts". All holders of a pipe's write end
 * closed is an end of file, which ends a read as well: without any holder left the node is a seed
 * that runs.
 */
static uint32_t object_node(struct graph *g, uint32_t object, uint8_t mode)
{
	const struct object *o = model_object(g->m, object);
	uint64_t key = map_pair(object, mode);
	uint32_t node, count, kept = 0;
	const uint32_t *holders;

	if (map_find(&g->objects, key, &node))
		return node;
	node = add_node(g, NODE_OBJECT, object);
	g->nodes.at[node].mode = mode;
	map_put(&g->objects, key, node);
	holders = model_holders(g->m, object, &count);
	for (uint32_t i = 0; i < count; i++) {
		const struct holder *h = &g->m->holders.at[holders[i]];

		if ((h->mode & mode) != mode || left_out(g, holders[i]))
			continue;
		add_edge(g, node, graph_find(g, NODE_ACTOR, h->actor));
		kept++;
	}
	if (!kept && count && ends_of_file(g, o))
		g->nodes.at[node].seed = PASS_RUNS;
	if (o->holders_seen == HOLDERS_HIDDEN || o->holders_seen == HOLDERS_UNKNOWN)
		add_seed(g, node, PASS_UNKNOWN, 0,
			 strtab_addf(g->m->strings, "not every holder of %s can be seen",
				     model_str(g->m, o->key)));
	return node;
}

/*
 * A time-out beside other terms may be a poller's, which comes back to the same wait; a sleep's own
 * is not.
 */
static bool polls(const struct graph *g, const struct wait *w)
{
	return g->opts.no_pollers && w->term_count > 1;
}

static enum pass seed_pass(const struct graph *g, const struct wait *w, enum term_kind kind)
{
	switch (kind) {
	case TERM_NOW:
		return PASS_RUNS;
	case TERM_TIME:
		return polls(g, w) ? PASS_NONE : PASS_TIME;
	case TERM_OUTSIDE:
		return PASS_OUTSIDE;
	case TERM_NEW:
		return PASS_NEW;
	case TERM_STOPPED:
		return PASS_STOPPED;
	case TERM_UNKNOWN:
		return PASS_UNKNOWN;
	default:
		return PASS_NONE;
	}
}

static void add_term(struct graph *g, uint32_t node, const struct wait *w, const struct term *t)
{
	if (g->opts.no_cancel && t->as == AS_CANCELLER)
		return;
	switch ((enum term_kind)t->kind) {
	case TERM_THREAD:
		add_edge(g, node, graph_find(g, NODE_THREAD, t->id));
		return;
	case TERM_ACTOR:
		add_edge(g, node, graph_find(g, NODE_ACTOR, t->id));
		return;
	case TERM_EXIT:
		add_edge(g, node, graph_find(g, NODE_EXIT, t->id));
		return;
	case TERM_OBJECT:
		add_edge(g, node, object_node(g, t->id, t->mode));
		return;
	case TERM_WAIT:
		add_edge(g, node, graph_find(g, NODE_WAIT, t->id));
		return;
	case TERM_TASK:
		add_edge(g, node, graph_find(g, NODE_TASK, t->id));
		return;
	case TERM_NEVER: /* no edge: a wait with nothing else is a root set by itself */
		return;
	default:
		if (seed_pass(g, w, t->kind) != PASS_NONE)
			add_seed(g, node, seed_pass(g, w, t->kind),
				 (uint32_t)(w - g->m->waits.at) + 1, t->text);
	}
}

static void add_wait(struct graph *g, uint32_t id)
{
	const struct wait *w = model_wait(g->m, id);
	uint32_t node = graph_find(g, NODE_WAIT, id);

	g->nodes.at[node].need = w->need && !(g->opts.any_child && w->task) ? w->need : 1;
	for (uint32_t i = 0; i < w->term_count; i++)
		add_term(g, node, w, &g->m->terms.at[w->first_term + i]);
	if (!w->term_count)
		add_seed(g, node, PASS_UNKNOWN, id,
			 strtab_addf(g->m->strings, "nobody knows who could end %s",
				     model_str(g->m, w->text ? w->text : w->op)));
}

/* A zombie thread: only its process's last thread or parent can make anything of it. */
static bool is_dead(const struct thread *t)
{
	return (t->state == 'Z' || t->state == 'X') && !t->gone;
}

static void add_thread(struct graph *g, uint32_t id)
{
	const struct thread *t = model_thread(g->m, id);
	uint32_t node = graph_find(g, NODE_THREAD, id);
	/*
	 * A waiter for the GIL wakes every 5 ms to ask for it and gets nowhere, as does a poller:
	 * the wait counts.
	 */
	bool asks = t->wait && (t->polls || model_wait(g->m, t->wait)->kind == WAIT_GIL);

	if (is_dead(t))
		return;
	if ((t->moved && !asks) || t->gone || !t->wait) {
		g->nodes.at[node].seed = t->busy ? PASS_BUSY : PASS_RUNS;
		return;
	}
	add_edge(g, node, graph_find(g, NODE_WAIT, t->wait));
	if (t->interruptible && g->ambient[t->actor - 1])
		add_edge(g, node, graph_find(g, NODE_AMBIENT, t->actor));
}

/*
 * A task goes on when its wait has ended and its loop runs. One of whose wait nothing is known may
 * do so whenever its loop does.
 */
static void add_task(struct graph *g, uint32_t id)
{
	const struct task *t = model_task(g->m, id);
	uint32_t node = graph_find(g, NODE_TASK, id);

	if (t->state == TASK_DONE) {
		g->nodes.at[node].seed = PASS_RUNS;
		return;
	}
	if (t->wait) {
		add_edge(g, node, graph_find(g, NODE_WAIT, t->wait));
	} else if (t->state == TASK_WAITING || t->state == TASK_UNKNOWN) {
		add_seed(g, node, PASS_UNKNOWN, 0,
			 strtab_addf(g->m->strings, "what task \"%s\" waits for",
				     model_str(g->m, t->name)));
	}
	g->nodes.at[node].need = t->thread && t->wait ? 2 : 1;
	if (t->thread)
		add_edge(g, node, graph_find(g, NODE_THREAD, t->thread));
	else if (!t->wait)
		add_seed(g, node, PASS_UNKNOWN, 0,
			 strtab_addf(g->m->strings, "which thread runs task \"%s\"",
				     model_str(g->m, t->name)));
}

/*
 * What may interrupt any wait of this process: its armed timers, and a child's exit when SIGCHLD
 * has a handler.
 */
static void add_ambient(struct graph *g, uint32_t id)
{
	const struct actor *a = model_actor(g->m, id);

	/* its process has all that an interpreter inside of it could have */
	if (a->kind == ACTOR_INTERPRETER)
		return;
	if (a->timer_ns) {
		g->ambient[id - 1] = true;
		add_seed(g, graph_find(g, NODE_AMBIENT, id), PASS_TIME, 0,
			 strtab_addf(g->m->strings, "a timer of %s[%d]", model_str(g->m, a->name),
				     a->pid));
	}
	if (a->timer_possible) {
		g->ambient[id - 1] = true;
		add_seed(g, graph_find(g, NODE_AMBIENT, id), PASS_UNKNOWN, 0,
			 strtab_addf(g->m->strings, "whether a timer of %s[%d] is armed",
				     model_str(g->m, a->name), a->pid));
	}
	/* the exit of one that has exited already has sent its signal */
	if (a->parent && !a->exited && model_actor(g->m, a->parent)->catches_sigchld) {
		g->ambient[a->parent - 1] = true;
		add_edge(g, graph_find(g, NODE_AMBIENT, a->parent), graph_find(g, NODE_EXIT, id));
	}
}

static void add_actor(struct graph *g, uint32_t id)
{
	const struct actor *a = model_actor(g->m, id);
	uint32_t node = graph_find(g, NODE_ACTOR, id), end = graph_find(g, NODE_EXIT, id);

	add_edge(g, end, node);
	if (a->kind == ACTOR_INTERPRETER) {
		if (a->host_thread)
			add_edge(g, node, graph_find(g, NODE_THREAD, a->host_thread));
		return;
	}
	if (a->exited) {
		g->nodes.at[end].seed = PASS_RUNS;
		return;
	}
	for (uint32_t i = 0; i < a->thread_count; i++)
		if (!is_dead(model_thread(g->m, a->first_thread + i)))
			add_edge(g, node, graph_find(g, NODE_THREAD, a->first_thread + i));
	if (a->thread_count)
		return;
	if (!a->in_tree)
		add_seed(g, node, PASS_OUTSIDE, 0,
			 strtab_addf(g->m->strings, "%s[%d], outside the tree",
				     model_str(g->m, a->name), a->pid));
	else if (a->denied)
		add_seed(g, node, PASS_UNKNOWN, 0,
			 strtab_addf(g->m->strings, "no permission to look into %s[%d]",
				     model_str(g->m, a->name), a->pid));
	else
		g->nodes.at[node].seed = PASS_RUNS;
}

/* Group the edges by one end, a counting sort: order[first[n] .. first[n + 1]) are n's. */
static void group(const struct graph *g, bool by_child, uint32_t *first, uint32_t *order)
{
	for (uint32_t i = 0; i < g->edges.count; i++)
		first[(by_child ? g->edges.at[i].to : g->edges.at[i].from) + 1]++;
	for (uint32_t i = 0; i < g->nodes.count; i++)
		first[i + 1] += first[i];
	for (uint32_t i = g->edges.count; i-- > 0;) {
		const struct edge *e = &g->edges.at[i];
		uint32_t key = by_child ? e->to : e->from;

		order[--first[key + 1]] = by_child ? e->from : e->to;
	}
	/* each first[n + 1] has come down to the start of n's group: shift it back into place */
	memmove(first, first + 1, g->nodes.count * sizeof(*first));
	first[g->nodes.count] = g->edges.count;
}

static void index_edges(struct graph *g)
{
	_cleanup_free_ uint32_t *first = xcalloc(g->nodes.count + 2, sizeof(*first));

	g->children = xcalloc(g->edges.count, sizeof(*g->children));
	g->parents = xcalloc(g->edges.count, sizeof(*g->parents));
	g->first_parent = xcalloc(g->nodes.count + 2, sizeof(*g->first_parent));
	group(g, false, first, g->children);
	group(g, true, g->first_parent, g->parents);
	for (uint32_t i = 0; i < g->nodes.count; i++) {
		g->nodes.at[i].first_child = first[i];
		g->nodes.at[i].child_count = first[i + 1] - first[i];
	}
}

static void solve(struct graph *g)
{
	_cleanup_free_ uint32_t *queue = xcalloc(g->nodes.count, sizeof(*queue));

	for (unsigned int pass = PASS_RUNS; pass < PASS_NONE; pass++) {
		uint32_t head = 0, tail = 0;

		for (uint32_t i = 0; i < g->nodes.count; i++) {
			struct graph_node *n = &g->nodes.at[i];

			if (n->seed != pass || n->pass != PASS_NONE)
				continue;
			n->pass = (uint8_t)pass;
			n->via = i;
			queue[tail++] = i;
		}
		while (head < tail) {
			uint32_t child = queue[head++];

			for (uint32_t i = g->first_parent[child]; i < g->first_parent[child + 1];
			     i++) {
				struct graph_node *up = &g->nodes.at[g->parents[i]];

				up->seen++;
				if (up->pass != PASS_NONE || up->seen < up->need)
					continue;
				up->pass = (uint8_t)pass;
				up->via = child;
				queue[tail++] = g->parents[i];
			}
		}
	}
}

/* Who could only call off a wait, and never can, is no part of why that does not end. */
static void forget_cancellers(struct graph *g, uint32_t id)
{
	const struct wait *w = model_wait(g->m, id);
	struct graph_node *n = &g->nodes.at[graph_find(g, NODE_WAIT, id)];
	uint32_t *children = g->children + n->first_child;

	for (uint32_t i = 0; n->pass == PASS_NONE && i < w->term_count; i++) {
		const struct term *t = &g->m->terms.at[w->first_term + i];
		enum node_type type = t->kind == TERM_THREAD ? NODE_THREAD : NODE_ACTOR;
		uint32_t kept = 0;

		if (t->as != AS_CANCELLER || (t->kind != TERM_THREAD && t->kind != TERM_ACTOR))
			continue;
		for (uint32_t k = 0; k < n->child_count; k++)
			if (children[k] != graph_find(g, type, t->id))
				children[kept++] = children[k];
		n->child_count = kept;
	}
}

struct graph *graph_new(const struct model *m, const struct graph_opts *opts)
{
	struct graph *g = xcalloc(1, sizeof(*g));

	g->m = m;
	if (opts)
		g->opts = *opts;
	vec_reserve(&g->nodes, m->threads.count + 3 * m->actors.count + m->waits.count +
				       m->tasks.count + m->objects.count);
	for (uint32_t i = 1; i <= m->threads.count; i++)
		add_node(g, NODE_THREAD, i);
	for (unsigned int type = NODE_ACTOR; type <= NODE_AMBIENT; type++)
		for (uint32_t i = 1; i <= m->actors.count; i++)
			add_node(g, type, i);
	for (uint32_t i = 1; i <= m->waits.count; i++)
		add_node(g, NODE_WAIT, i);
	for (uint32_t i = 1; i <= m->tasks.count; i++)
		add_node(g, NODE_TASK, i);
	g->ambient = xcalloc(m->actors.count, sizeof(*g->ambient));
	for (uint32_t i = 1; i <= m->actors.count; i++) {
		add_actor(g, i);
		add_ambient(g, i);
	}
	for (uint32_t i = 1; i <= m->threads.count; i++)
		add_thread(g, i);
	for (uint32_t i = 1; i <= m->waits.count; i++)
		add_wait(g, i);
	for (uint32_t i = 1; i <= m->tasks.count; i++)
		add_task(g, i);
	index_edges(g);
	solve(g);
	for (uint32_t i = 1; i <= m->waits.count; i++)
		forget_cancellers(g, i);
	return g;
}

void graph_free(struct graph *g)
{
	if (!g)
		return;
	vec_release(&g->nodes);
	vec_release(&g->edges);
	free(g->children);
	free(g->parents);
	free(g->first_parent);
	free(g->ambient);
	map_release(&g->objects);
	free(g);
}

uint32_t graph_count(const struct graph *g)
{
	return g->nodes.count;
}

const struct graph_node *graph_node(const struct graph *g, uint32_t node)
{
	return &g->nodes.at[node];
}

const uint32_t *graph_children(const struct graph *g, uint32_t node, uint32_t *count)
{
	const struct graph_node *n = &g->nodes.at[node];

	*count = n->child_count;
	return g->children + n->first_child;
}
