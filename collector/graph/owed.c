/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * owed.c - a loop that new input could wake, though what its main task is owed can never come.
 *
 * To the kernel an actor that waits for the answer of another one is a server at rest: it listens.
 * Its main task waits for something that somebody has promised, and when nobody is left who could
 * keep that, the actor is stuck whatever else its loop does. Several tasks that are waited for
 * together, as a nursery does, may be meant to serve for ever: as long as one of them could go on,
 * nothing is said of the others.
 */
#include "graph/judge.h"

#include "model/tasks.h"

/* The same question about the main task, in a graph of its own. */
static bool ask(struct judge *task, struct judge *j, uint32_t main, bool unread_left)
{
	const struct graph_opts opts = { .any_child = true, .no_unread = unread_left };

	*task = (struct judge){ .m = j->m, .g = graph_new(j->m, &opts), .pass = PASS_NONE };
	task->focus = graph_find(task->g, NODE_TASK, main);
	return graph_node(task->g, task->focus)->pass == PASS_NONE;
}

static void add_condition(struct verdict *v, struct strtab *strings)
{
	v->confidence = CONFIDENCE_CONDITIONAL;
	*vec_push(&v->caveats) = strtab_add(
		strings,
		"what the last one waits for lies unread in a queue, from which it may yet "
		"be taken");
}

/*
 * Who keeps the other end of the last wait open and does nothing with it: it lies unread in a queue
 * of his.
 */
static void blame_queue(struct judge *j, const struct hop *last)
{
	struct culprit *c = &j->m->verdict.culprit;
	const uint32_t *holders;
	uint32_t count;

	if (!last->object)
		return;
	holders = model_holders(j->m, last->object, &count);
	for (uint32_t i = 0; i < count; i++) {
		const struct holder *h = &j->m->holders.at[holders[i]];
		uint32_t unread = h->fd < 0 ? graph_unread(j->m, h->actor) : 0;

		if (!unread)
			continue;
		c->actor = h->actor;
		c->tid = model_actor(j->m, h->actor)->pid;
		c->task = 0;
		c->object = j->m->findings.at[unread - 1].object;
		c->reason = strtab_add(j->m->strings, "never-received");
		c->text = j->m->findings.at[unread - 1].text;
		return;
	}
}

static bool tell(struct judge *j, uint32_t main, bool unread_left, struct hops *h)
{
	_cleanup_judge_ struct judge task = { .m = j->m };
	_cleanup_hops_ struct hops way = { .cycle = 0 };
	uint32_t thread = graph_node(j->g, j->focus)->id;

	if (!ask(&task, j, main, unread_left))
		return false;
	judge_dead(&task);
	if (unread_left)
		add_condition(&j->m->verdict, j->m->strings);
	hops_from_path(&task, &task.path, &way);
	culprit_give(&task, &way);
	if (unread_left && way.at.count)
		blame_queue(j, &way.at.at[way.at.count - 1]);
	h->at.count = 0;
	*vec_push(&h->at) = (struct hop){ .thread = thread,
					  .actor = model_thread(j->m, thread)->actor,
					  .wait = model_thread(j->m, thread)->wait };
	for (uint32_t i = 0; i < way.at.count; i++)
		*vec_push(&h->at) = way.at.at[i];
	h->cycle = way.cycle + 1;
	j->owed_task = true;
	return true;
}

bool owed_give(struct judge *j, struct hops *h)
{
	uint32_t thread = graph_node(j->g, j->focus)->id;
	uint32_t main = main_task_of(j->m, thread);

	if (!main || !model_task(j->m, main)->wait)
		return false;
	return tell(j, main, false, h) || tell(j, main, true, h);
}
