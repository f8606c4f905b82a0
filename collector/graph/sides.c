/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sides.c - what else is true: deadlocks that the focus does not lead to, and verdicts under a
 * condition.
 */
#include "graph/judge.h"

#include <string.h>

enum { SIDES_TOLD = 8 };

static struct side_verdict *add_side(struct judge *j, uint32_t thread, const char *summary)
{
	struct side_verdict *s = vec_push(&j->m->sides);

	s->kind = VERDICT_DEADLOCK;
	s->thread = thread;
	s->summary = strtab_add(j->m->strings, summary);
	return s;
}

static void add_member(struct side_verdict *s, uint32_t actor)
{
	if (!ids_have(s->members.at, s->members.count, actor))
		*vec_push(&s->members) = actor;
}

static void tell_partial(struct judge *j, const uint32_t *comp, uint32_t target, uint32_t start)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_hops_ struct hops hops = { .cycle = 0 };
	_cleanup_path_ struct path path = { .cycle = 0 };
	struct side_verdict *s;

	path_to_component(j->g, start,
			  &(struct region){ .from = PASS_NONE, .comp = comp, .target = target },
			  &path);
	hops_from_path(j, &path, &hops);
	for (uint32_t i = 0; i < hops.at.count && i < 3; i++) {
		strbuf_adds(&b, i ? "; " : "");
		say_thread(&b, j->m, hops.at.at[i].thread);
		strbuf_addf(&b, " is %s", hop_text(j->m, &hops.at.at[i]));
	}
	s = add_side(j, graph_node(j->g, start)->id, strbuf_str(&b));
	for (uint32_t i = 0; i < graph_count(j->g); i++)
		if (comp[i] == target && graph_node(j->g, i)->type == NODE_THREAD)
			add_member(s, model_thread(j->m, graph_node(j->g, i)->id)->actor);
}

/* Root sets of the dead that the focus does not lead to. */
static void find_partial(struct judge *j)
{
	uint32_t n = graph_count(j->g), told = 0;
	_cleanup_free_ uint32_t *comp = xcalloc(n, sizeof(*comp));
	uint32_t components = graph_components(j->g, PASS_NONE, comp);
	_cleanup_free_ bool *leaves = xcalloc(components + 1, sizeof(*leaves));

	for (uint32_t i = 0; i < n; i++) {
		uint32_t count;
		const uint32_t *children = graph_children(j->g, i, &count);

		if (j->pass == PASS_NONE && j->reach[i])
			leaves[comp[i]] = true;
		for (uint32_t k = 0; comp[i] && k < count; k++)
			if (comp[children[k]] && comp[children[k]] != comp[i])
				leaves[comp[i]] = true;
	}
	for (uint32_t i = 0; i < n && told < SIDES_TOLD; i++) {
		uint32_t root = i;

		if (!comp[i] || leaves[comp[i]] || graph_node(j->g, i)->type > NODE_WAIT)
			continue;
		if (graph_node(j->g, i)->type == NODE_WAIT) {
			const struct wait *w = model_wait(j->m, graph_node(j->g, i)->id);

			if (w->parent ||
			    model_thread(j->m, w->thread)->wait != graph_node(j->g, i)->id)
				continue;
			root = graph_find(j->g, NODE_THREAD, w->thread);
		} else if (graph_node(j->g, i)->type != NODE_THREAD) {
			continue;
		}
		/* a dead thread, which nothing is expected of, leads nowhere */
		if (graph_node(j->g, root)->pass != PASS_NONE ||
		    !graph_node(j->g, root)->child_count)
			continue;
		leaves[comp[i]] = true;
		tell_partial(j, comp, comp[i], root);
		told++;
	}
}

/*
 * Does the focus live by a way that nothing is left out of? Then it does so in the graph without,
 * which need not be built: leaving out takes edges away, and every node of that way needs one only.
 */
static bool lives_all_the_same(const struct judge *j, const struct graph_opts *opts)
{
	uint32_t node = j->focus;

	while (!opts->no_cancel) {
		const struct graph_node *n = graph_node(j->g, node);

		if (n->pass == PASS_NONE || n->need > 1 ||
		    (opts->no_inherited && n->type == NODE_OBJECT) ||
		    (opts->no_pollers && n->type == NODE_SEED && n->seed == PASS_TIME))
			return false;
		if (n->via == node)
			return true;
		node = n->via; /* became live before this one did, so this ends */
	}
	return false;
}

/* The same question with something left out of the formulas. */
static void ask_again(struct judge *j, const struct graph_opts *opts, const char *condition)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_graph_ struct graph *g = NULL;
	struct side_verdict *s;

	if (lives_all_the_same(j, opts))
		return;
	g = graph_new(j->m, opts);
	if (graph_node(g, j->focus)->pass != PASS_NONE)
		return;
	say_thread(&b, j->m, graph_node(g, j->focus)->id);
	strbuf_addf(&b, " can never go on %s", condition);
	s = add_side(j, graph_node(g, j->focus)->id, strbuf_str(&b));
	s->condition = strtab_add(j->m->strings, condition);
	s->confidence = CONFIDENCE_CONDITIONAL;
	for (uint32_t i = 0; i < j->m->verdict.members.count; i++)
		add_member(s, j->m->verdict.members.at[i]);
}

static bool may_be_cancelled(const struct model *m)
{
	for (uint32_t i = 0; i < m->terms.count; i++)
		if (m->terms.at[i].as == AS_CANCELLER)
			return true;
	return false;
}

void sides_give(struct judge *j)
{
	find_partial(j);
	if (j->pass < PASS_TIME || j->pass == PASS_NONE)
		return;
	ask_again(j, &(struct graph_opts){ .no_inherited = true },
		  "if nobody uses a descriptor that it merely inherited");
	if (may_be_cancelled(j->m))
		ask_again(j, &(struct graph_opts){ .no_cancel = true },
			  "if no thread cancels the future that is waited for");
	if (j->pass == PASS_TIME)
		ask_again(j, &(struct graph_opts){ .no_pollers = true },
			  "if the time-outs on the way only lead back to the same wait");
}
