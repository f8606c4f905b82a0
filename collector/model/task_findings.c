/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task_findings.c - tasks that were asked to end and wait on.
 */
#include "model/tasks.h"

enum { TOLD_OF_A_KIND = 8 };

/* What is odd about a task, or NULL. */
static const char *kind_of(const struct model *m, const struct task *t)
{
	const struct wait *w = t->wait ? model_wait(m, t->wait) : NULL;

	/* who waits for tasks is in nobody's way: they are */
	if (!w || t->hint || t->state != TASK_WAITING || w->kind == WAIT_NURSERY ||
	    w->kind == WAIT_TASK_JOIN)
		return NULL;
	if (t->shielded == TOLD_YES)
		return "task-shielded";
	if (t->requested != TOLD_YES || t->delivered == NOT_TOLD)
		return NULL;
	return t->delivered == TOLD_YES ? "cancel-swallowed" : "cancel-undelivered";
}

static void tell(struct model *m, uint32_t task, const char *kind)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct task *t = model_task(m, task);
	const struct wait *w = model_wait(m, t->wait);
	const struct actor *a = model_actor(m, t->actor);
	struct finding f = { .actor = t->actor, .object = w->object, .fd = w->fd };

	strbuf_addf(&b, "pid %d (%s): task \"", a->pid, model_str(m, a->name));
	task_name_add(&b, m, task);
	strbuf_adds(&b, "\" was asked to end");
	if (t->cancel_by)
		strbuf_addf(&b, " by %s", model_str(m, t->cancel_by));
	strbuf_adds(&b, !strcmp(kind, "task-shielded") ? ", but a shield holds the cancel back" :
			!strcmp(kind, "cancel-undelivered") ? ", but has not been told" :
							      " and told so, and went on");
	strbuf_addf(&b, "; it is %s", model_str(m, w->text));
	f.kind = strtab_add(m->strings, kind);
	f.text = strtab_add(m->strings, strbuf_str(&b));
	model_add_finding(m, f);
}

void model_find_task_facts(struct model *m)
{
	uint32_t told = 0;

	for (uint32_t id = 1; id <= m->tasks.count && told < TOLD_OF_A_KIND; id++) {
		const char *kind = kind_of(m, model_task(m, id));

		if (!kind)
			continue;
		tell(m, id, kind);
		told++;
	}
}
