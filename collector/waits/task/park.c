/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the decoder of its system call has found stays as far as the interpreter knows no better:
 * the call, its time-out and, with PARK_AS_SEEN, those who can end it.
 */
#include "waits/task/park.h"

#include "waits/wait_ctx.h"

#include <inttypes.h>
#include <string.h>

/*
 * So many other threads are named one by one. Of more it is the process that can, which then
 * includes the waiter itself.
 */
enum { NAMED_MAX = 64 };

static void refer(struct wait_ctx *c, const struct park *p, struct wait *w)
{
	struct model *m = c->model;
	const char *kind = model_str(m, p->what);
	char key[128];
	struct object *o;

	if (!p->object)
		return;
	if (w->object)
		model_object(m, w->object)->relevant = false;
	snprintf(key, sizeof(key), "%s:[%d/0x%" PRIx64 "]", kind, model_actor(m, w->actor)->pid,
		 p->object);
	w->object = model_add_object(m, kind, key);
	o = model_object(m, w->object);
	o->label = p->label;
	o->detail = p->detail;
	o->relevant = true;
	/* nobody has it by a descriptor: who can act is in the terms */
	o->holders_seen = HOLDERS_COMPLETE;
}

static void add_thread(struct wait_ctx *c, uint32_t wait, uint32_t thread, uint8_t as)
{
	wait_term(c, wait, (struct term){ .kind = TERM_THREAD, .as = as, .id = thread }, NULL);
}

static bool is_named(const struct model *m, const struct park *p, uint32_t thread)
{
	for (uint32_t i = 0; i < p->other_count; i++)
		if (m->park_threads.at[p->first_other + i] == thread)
			return true;
	return false;
}

/* A thread that is parked does not serve itself; those that are named have their part. */
static void add_process(struct wait_ctx *c, uint32_t wait, const struct park *p, uint8_t as)
{
	struct model *m = c->model;
	uint32_t actor = model_wait(m, wait)->actor;
	const struct actor *a = model_actor(m, actor);

	if (a->thread_count > NAMED_MAX) {
		wait_term(c, wait, (struct term){ .kind = TERM_ACTOR, .as = as, .id = actor },
			  NULL);
		return;
	}
	for (uint32_t i = 0; i < a->thread_count; i++)
		if (a->first_thread + i != p->thread && !is_named(m, p, a->first_thread + i))
			add_thread(c, wait, a->first_thread + i, as);
	if (a->thread_count == 1)
		wait_never(c, wait, "its process has no other thread that could");
}

/*
 * Terms of a wait lie side by side: those that stay are added anew behind all others, and the old
 * ones are of no wait until wait_drop_terms().
 */
static void give_terms(struct wait_ctx *c, uint32_t wait, const struct park *p)
{
	struct model *m = c->model;
	struct wait *w = model_wait(m, wait);
	uint32_t first = w->first_term, count = w->term_count;

	w->term_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		const struct term term = m->terms.at[first + i];

		if (p->by == PARK_AS_SEEN || term.kind == TERM_TIME)
			model_add_term(m, wait, term);
	}
	w->need = p->by == PARK_AS_SEEN ? w->need : 1;
	for (uint32_t i = 0; p->by == PARK_THREADS && i < p->other_count; i++)
		add_thread(c, wait, m->park_threads.at[p->first_other + i], p->as);
	if (p->by == PARK_PROCESS)
		add_process(c, wait, p, p->as);
	else if (p->cancels)
		add_process(c, wait, p, AS_CANCELLER);
	if (p->by == PARK_NEVER)
		wait_never(c, wait, "%s", model_str(m, p->why));
	if (p->signals)
		wait_new(c, wait, "a signal that it handles");
}

static void give_finding(struct wait_ctx *c, const struct park *p, const struct wait *w)
{
	struct wait_fact fact = { .kind = model_str(c->model, p->finding),
				  .tgid = model_actor(c->model, w->actor)->pid,
				  .object = w->object,
				  .fd = -1 };

	if (p->finding)
		wait_finding(c, &fact, "%s", model_str(c->model, p->found));
}

static void make(struct wait_ctx *c, const struct park *p)
{
	uint32_t id = model_thread(c->model, p->thread)->wait;
	struct wait *w;

	if (!id)
		return;
	w = model_wait(c->model, id);
	refer(c, p, w);
	w->kind = p->kind;
	w->completion = p->completion;
	w->text = p->text;
	w->doubt = p->doubt;
	give_terms(c, id, p);
	give_finding(c, p, model_wait(c->model, id));
}

void waits_decode_parks(struct wait_ctx *c)
{
	struct model *m = c->model;

	if (!m->parks.count)
		return;
	for (uint32_t i = 0; i < m->parks.count; i++) {
		const struct park p = m->parks.at[i];

		make(c, &p);
	}
	wait_drop_terms(m);
	m->parks.count = m->park_threads.count = 0;
}
