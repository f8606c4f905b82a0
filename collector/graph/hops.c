/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hops.c - a path of nodes as a person tells it: thread after thread, each with what it waits for.
 */
#include "graph/judge.h"

#include "model/frames.h"
#include "model/tasks.h"

#include <string.h>

void hops_release(struct hops *h)
{
	vec_release(&h->at);
}

bool is_exit_wait(const struct wait *w)
{
	return w->kind == WAIT_CHILD_EXIT || w->kind == WAIT_PROCESS_EXIT ||
	       w->kind == WAIT_PIDNS_EXIT;
}

void say_actor(struct strbuf *b, const struct model *m, uint32_t actor)
{
	const struct actor *a = model_actor(m, actor);

	strbuf_addf(b, "%s[%d]", model_str(m, a->name), a->pid);
}

void say_thread(struct strbuf *b, const struct model *m, uint32_t thread)
{
	const struct thread *t = model_thread(m, thread);

	say_actor(b, m, t->actor);
	if (t->tid != model_actor(m, t->actor)->pid)
		strbuf_addf(b, " thread %d", t->tid);
}

void say_task(struct strbuf *b, const struct model *m, uint32_t task)
{
	say_actor(b, m, model_task(m, task)->actor);
	strbuf_adds(b, " task \"");
	task_name_add(b, m, task);
	strbuf_addc(b, '"');
}

bool is_any_threads(const struct model *m, const struct hop *hop)
{
	uint32_t wait = hop->item ? hop->item : hop->wait;

	return wait && is_anybodys(m, model_wait(m, wait)) &&
	       model_actor(m, hop->actor)->thread_count > 1;
}

/* "running", or "running search (find.py:7)" where an interpreter says what. */
static const char *running_text(const struct model *m, uint32_t thread)
{
	uint32_t count = 0, text;
	const struct script_frame *f = thread ? model_script_frames(m, thread, &count) : NULL;
	const char *file, *slash;

	if (!count)
		return "running";
	file = model_str(m, f->file);
	slash = strrchr(file, '/');
	text = strtab_addf(m->strings, "running %s (%s:%u)",
			   model_str(m, f->qualified ? f->qualified : f->function),
			   slash ? slash + 1 : file, f->line);
	return model_str(m, text);
}

const char *hop_text(const struct model *m, const struct hop *hop)
{
	const struct wait *w;

	if (!hop->wait)
		return running_text(m, hop->thread);
	w = model_wait(m, hop->item ? hop->item : hop->wait);
	return model_str(m, w->text ? w->text : w->op);
}

/* The last hop, or a new one for an actor that the path comes to without a thread of it. */
static struct hop *hop_of(struct hops *h, uint32_t actor)
{
	struct hop *hop;

	if (h->at.count && h->at.at[h->at.count - 1].actor == actor)
		return &h->at.at[h->at.count - 1];
	hop = vec_push(&h->at);
	hop->actor = actor;
	return hop;
}

static void add_task_node(const struct judge *j, uint32_t id, struct hops *h)
{
	const struct task *t = model_task(j->m, id);
	struct hop *hop;

	if (!t->wait)
		return;
	hop = vec_push(&h->at);
	hop->task = id;
	hop->actor = t->actor;
	hop->wait = t->wait;
	hop->thread = model_wait(j->m, t->wait)->thread;
}

static void add_wait_node(const struct judge *j, uint32_t id, struct hops *h)
{
	const struct wait *w = model_wait(j->m, id);

	if (h->at.count && w->parent)
		h->at.at[h->at.count - 1].item = id;
}

static void add_node(const struct judge *j, const struct graph_node *n, struct hops *h)
{
	struct hop *hop;

	switch ((enum node_type)n->type) {
	case NODE_THREAD:
		hop = vec_push(&h->at);
		hop->thread = n->id;
		hop->actor = model_thread(j->m, n->id)->actor;
		hop->wait = model_thread(j->m, n->id)->wait;
		return;
	case NODE_TASK:
		add_task_node(j, n->id, h);
		return;
	case NODE_WAIT:
		add_wait_node(j, n->id, h);
		return;
	case NODE_OBJECT:
		if (h->at.count)
			h->at.at[h->at.count - 1].object = n->id;
		return;
	case NODE_SEED:
		if (h->at.count)
			h->at.at[h->at.count - 1].seed_text = n->text;
		return;
	default:
		return;
	}
}

/*
 * An actor node stands between two threads of the path and adds nothing, except where the path ends
 * in it: a process outside the tree, a zombie.
 */
static bool ends_in_actor(const struct judge *j, const struct path *p, uint32_t i)
{
	const struct graph_node *n = graph_node(j->g, p->nodes.at[i]);

	if (n->type != NODE_ACTOR && n->type != NODE_EXIT)
		return false;
	for (uint32_t k = i + 1; k < p->nodes.count; k++)
		if (graph_node(j->g, p->nodes.at[k])->type <= NODE_EXIT ||
		    graph_node(j->g, p->nodes.at[k])->type == NODE_TASK)
			return false;
	return p->cycle == p->nodes.count;
}

void hops_from_path(const struct judge *j, const struct path *p, struct hops *h)
{
	uint32_t cycle = UINT32_MAX;

	memset(h, 0, sizeof(*h));
	for (uint32_t i = 0; i < p->nodes.count; i++) {
		const struct graph_node *n = graph_node(j->g, p->nodes.at[i]);

		if (ends_in_actor(j, p, i))
			hop_of(h, n->id);
		else
			add_node(j, n, h);
		/*
		 * the first thread at or after the start of the cycle is the hop it leads back to
		 */
		if (i >= p->cycle && cycle == UINT32_MAX &&
		    (n->type == NODE_THREAD || n->type == NODE_TASK))
			cycle = h->at.count - 1;
	}
	h->cycle = cycle == UINT32_MAX ? h->at.count : cycle;
}
