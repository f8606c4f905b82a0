/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/debts.h"

#include "base/strbuf.h"
#include "model/frames.h"

#include <string.h>

void model_add_work(struct model *m, struct work work)
{
	*vec_push(&m->works) = work;
}

void model_add_expect(struct model *m, struct expect expect, const uint32_t *workers,
		      uint32_t count)
{
	expect.first_worker = m->expect_actors.count;
	expect.worker_count = count;
	for (uint32_t i = 0; i < count; i++)
		*vec_push(&m->expect_actors) = workers[i];
	*vec_push(&m->expects) = expect;
}

void model_drop_timeout(struct model *m, struct wait *w, const char *why)
{
	for (uint32_t i = 0; i < w->term_count; i++) {
		struct term *term = &m->terms.at[w->first_term + i];

		if (term->kind != TERM_TIME)
			continue;
		term->kind = TERM_NEVER;
		term->text = strtab_add(m->strings, why);
		w->timeout_ms = -1;
	}
}

const struct debt *model_debts(const struct model *m, uint32_t thread, uint32_t *count)
{
	uint32_t low = 0, high = m->debts.count;

	*count = 0;
	/* they stand in the order of their threads */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (m->debts.at[middle].thread < thread)
			low = middle + 1;
		else
			high = middle;
	}
	while (low + *count < m->debts.count && m->debts.at[low + *count].thread == thread)
		(*count)++;
	return *count ? &m->debts.at[low] : NULL;
}

/* ---- who has it ------------------------------------------------------------------------------ */

static bool is_worker(const struct model *m, const struct expect *e, uint32_t actor)
{
	if (e->kind == WORK_HOLD)
		return true;
	for (uint32_t i = 0; i < e->worker_count; i++)
		if (m->expect_actors.at[e->first_worker + i] == actor)
			return true;
	return false;
}

static bool add_debt(struct model *m, const struct expect *e, uint32_t by)
{
	if (m->debts.count >= DEBTS_MAX)
		return false;
	*vec_push(&m->debts) =
		(struct debt){ .thread = e->thread, .by = by, .kind = e->kind, .what = e->what };
	return true;
}

/* Workers that have it; with `others` those that have something else to do first. */
static uint32_t add_workers(struct model *m, const struct expect *e, bool others)
{
	uint32_t found = 0;

	for (uint32_t i = 0; i < m->works.count; i++) {
		const struct work *w = &m->works.at[i];
		bool mine = e->any || w->number == e->number;

		if (w->kind == e->kind && mine != others &&
		    is_worker(m, e, model_thread(m, w->thread)->actor))
			found += add_debt(m, e, w->thread);
	}
	return found;
}

/* ---- who has it no more ---------------------------------------------------------------------- */

static bool is_still(const struct model *m, uint32_t thread)
{
	const struct thread *t = model_thread(m, thread);

	return !t->moved && !t->gone && t->wait;
}

static bool stands_still(const struct model *m, uint32_t actor)
{
	const struct actor *a = model_actor(m, actor);

	if (a->denied || !a->thread_count)
		return false;
	for (uint32_t i = 0; i < a->thread_count; i++)
		if (!is_still(m, a->first_thread + i))
			return false;
	return true;
}

static bool has_work(const struct model *m, uint32_t thread, uint8_t kind)
{
	for (uint32_t i = 0; i < m->works.count; i++)
		if (m->works.at[i].thread == thread && m->works.at[i].kind == kind)
			return true;
	return false;
}

/* Has its interpreter said what the first thread of a worker is at? */
static bool is_told(const struct model *m, uint32_t actor)
{
	uint32_t count;

	(void)model_script_frames(m, model_actor(m, actor)->first_thread, &count);
	return count != 0;
}

/* Do those stand still who would bring work to a worker, or its result back? */
static bool rest(const struct model *m, const struct expect *e)
{
	for (size_t i = 0; i < sizeof(e->carriers) / sizeof(*e->carriers); i++)
		if (!e->carriers[i] || !is_still(m, e->carriers[i]))
			return false;
	return true;
}

/*
 * Nobody has it, and nothing is on its way: none of the workers is at it, those who would bring it
 * rest, and one reads from what would bring it, so that is empty. Nor can it be taken or brought
 * back while all that is read: who is at something else and runs finds nothing but what that one
 * waits for, and a result would have woken who rests.
 */
static bool is_lost(const struct model *m, const struct expect *e)
{
	bool empty = false;

	if (!e->vanishes || !rest(m, e))
		return false;
	for (uint32_t i = 0; i < e->worker_count; i++) {
		uint32_t actor = m->expect_actors.at[e->first_worker + i];
		uint32_t first = model_actor(m, actor)->first_thread;
		bool still = stands_still(m, actor);
		bool works = first && has_work(m, first, e->kind);

		if (!first || !is_told(m, actor) || (!still && !works))
			return false;
		empty |= still && !works &&
			 model_wait(m, model_thread(m, first)->wait)->kind == WAIT_PIPE_READ;
	}
	return empty;
}

/* Nothing that it waits for comes of those who only carry. */
static void drop_carriers(struct model *m, const struct expect *e)
{
	struct wait *w = model_wait(m, model_thread(m, e->thread)->wait);

	for (uint32_t i = 0; i < w->term_count; i++) {
		struct term *term = &m->terms.at[w->first_term + i];
		bool carries = false;

		for (size_t k = 0; k < sizeof(e->carriers) / sizeof(*e->carriers); k++)
			carries |= term->kind == TERM_THREAD && term->id == e->carriers[k];
		if (!carries)
			continue;
		*term = (struct term){
			.kind = TERM_NEVER,
			.text = strtab_add(m->strings, "it only carries what workers have done"),
		};
	}
	w->doubt = strtab_add(m->strings,
			      "that work is lost rests on what the threads of a pool are for: one "
			      "of them could do something else");
}

/* Does this process know the lock, and has it not? */
static bool is_free_of(const struct model *m, const struct expect *e, uint32_t actor)
{
	for (uint32_t i = 0; i < m->works.count; i++) {
		const struct work *w = &m->works.at[i];

		if (w->kind == WORK_FREE && w->number == e->number &&
		    model_thread(m, w->thread)->actor == actor)
			return true;
	}
	return false;
}

/* Nobody has the lock who could give it back: all who have its memory say that they have not. */
static bool is_left(const struct model *m, const struct expect *e)
{
	const struct wait *w = model_wait(m, model_thread(m, e->thread)->wait);
	bool any = false;

	if (!w->object)
		return false;
	for (uint32_t i = 0; i < m->holders.count; i++) {
		uint32_t actor = m->holders.at[i].actor;

		if (m->holders.at[i].object != w->object)
			continue;
		if (!stands_still(m, actor) || !is_free_of(m, e, actor))
			return false;
		any = true;
	}
	return any;
}

static void add_lost(struct model *m, const struct expect *e)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct thread *t = model_thread(m, e->thread);
	const struct actor *a = model_actor(m, t->actor);
	struct finding f = { .actor = t->actor, .fd = -1 };
	uint32_t object = model_wait(m, t->wait)->object;
	bool lock = e->kind == WORK_HOLD;
	/* somebody who cannot be seen may have a lock; a pool knows all of its workers */
	bool gone = !lock || model_object(m, object)->holders_seen == HOLDERS_COMPLETE;

	if (!add_debt(m, e, 0))
		return;
	strbuf_addf(&b, "none of %s has it%s",
		    lock ? "the processes that are seen to know it" : model_str(m, e->pool),
		    gone ? ": the one that took it is gone" : "");
	m->debts.at[m->debts.count - 1].lost = strtab_add(m->strings, strbuf_str(&b));
	f.text = strtab_addf(m->strings, "pid %d (%s) waits for %s, but %s", a->pid,
			     model_str(m, a->name), model_str(m, e->what), strbuf_str(&b));
	f.kind = strtab_add(m->strings, lock ? "lock-lost" : "work-lost");
	f.object = object;
	model_add_finding(m, f);
}

/* Whoever rests and should take the work: the first threads of the workers. */
static void add_idle(struct model *m, const struct expect *e)
{
	for (uint32_t i = 0; i < e->worker_count; i++) {
		uint32_t actor = m->expect_actors.at[e->first_worker + i];

		if (stands_still(m, actor) && is_told(m, actor) &&
		    !add_debt(m, e, model_actor(m, actor)->first_thread))
			return;
	}
}

/* The wait in words of its program, without a time-out that ends nothing. */
static void tell_wait(struct model *m, const struct expect *e)
{
	struct wait *w = model_wait(m, model_thread(m, e->thread)->wait);

	w->text = strtab_addf(m->strings, "waiting for %s", model_str(m, e->what));
	w->completion = true;
	if (e->kind != WORK_TEST)
		w->kind = WAIT_FUTURE;
	if (e->polls)
		model_drop_timeout(m, w, "it looks up then, and waits on for the same");
}

/* "..., held by python3[12]" */
static void tell_holder(struct model *m, const struct expect *e)
{
	struct wait *w = model_wait(m, model_thread(m, e->thread)->wait);
	const struct debt *debt = &m->debts.at[m->debts.count - 1];
	const struct actor *a = debt->by ? model_actor(m, model_thread(m, debt->by)->actor) : NULL;

	if (a)
		w->text = strtab_addf(m->strings, "%s, held by process %d (%s)",
				      model_str(m, w->text), a->pid, model_str(m, a->name));
	else
		w->text = strtab_addf(m->strings,
				      "%s, which no process that is seen to know it has taken",
				      model_str(m, w->text));
}

static void find_holder(struct model *m, const struct expect *e)
{
	if (!add_workers(m, e, false) && is_left(m, e))
		add_lost(m, e);
	else if (!m->debts.count || m->debts.at[m->debts.count - 1].thread != e->thread)
		return;
	tell_holder(m, e);
}

static void find(struct model *m, const struct expect *e)
{
	const struct thread *t = model_thread(m, e->thread);

	/* who ran may wait for something else by now; one that polls came back to the same */
	if ((t->moved && !(t->polls && e->polls)) || t->gone || !t->wait ||
	    model_wait(m, t->wait)->kind == WAIT_GIL)
		return;
	if (e->kind == WORK_HOLD) {
		find_holder(m, e);
		return;
	}
	tell_wait(m, e);
	if (add_workers(m, e, false))
		return;
	if (e->in_hand)
		add_debt(m, e, e->in_hand);
	else if (is_lost(m, e)) {
		add_lost(m, e);
		drop_carriers(m, e);
	} else if (!add_workers(m, e, true) && e->vanishes)
		add_idle(m, e);
}

static int by_thread(const void *left, const void *right)
{
	const struct expect *a = left, *b = right;

	return a->thread < b->thread ? -1 : a->thread > b->thread;
}

void model_find_debts(struct model *m)
{
	if (m->expects.count)
		qsort(m->expects.at, m->expects.count, sizeof(*m->expects.at), by_thread);
	for (uint32_t i = 0; i < m->expects.count; i++)
		if (!i || m->expects.at[i].thread != m->expects.at[i - 1].thread)
			find(m, &m->expects.at[i]);
	m->works.count = m->expects.count = m->expect_actors.count = 0;
}
