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
static bool ask(struct judge *task, struct judge *j, uint32_t main, bool inherited_idle)
{
	const struct graph_opts opts = { .any_child = true, .idle_inherited = inherited_idle };

	*task = (struct judge){ .m = j->m, .g = graph_new(j->m, &opts), .pass = PASS_NONE };
	task->focus = graph_find(task->g, NODE_TASK, main);
	return graph_node(task->g, task->focus)->pass == PASS_NONE;
}

static void add_condition(struct verdict *v, struct strtab *strings)
{
	v->confidence = CONFIDENCE_CONDITIONAL;
	*vec_push(&v->caveats) = strtab_add(
		strings, "somebody has a descriptor that it merely inherited, and may yet use it");
}

static bool tell(struct judge *j, uint32_t main, bool inherited_idle, struct hops *h)
{
	_cleanup_judge_ struct judge task = { .m = j->m };
	_cleanup_hops_ struct hops way = { .cycle = 0 };
	uint32_t thread = graph_node(j->g, j->focus)->id;

	if (!ask(&task, j, main, inherited_idle))
		return false;
	judge_dead(&task);
	if (inherited_idle)
		add_condition(&j->m->verdict, j->m->strings);
	hops_from_path(&task, &task.path, &way);
	culprit_give(&task, &way);
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
