/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asked.c - who was asked to end and does not: blame by tasks.
 *
 * To the kernel every event loop rests on all its descriptors, so a tree of them that is told to
 * end and hangs looks like servers at rest. Its tasks show the difference: an actor ends when all
 * of its tasks have ended, and a task that was asked to and waits on is what is in the way. So the
 * way goes from the focus to the children whose exit a task waits for, as long as these were asked
 * too, and in the last one from its main task along nurseries, joins and locks to the task that
 * holds up all others. Nothing is said where a loop ran meanwhile, and nobody is to blame who was
 * not asked.
 */
#include "graph/judge.h"

#include "model/tasks.h"

#include <signal.h>
#include <string.h>

struct asking {
	struct judge *j;
	struct model *m;
	struct hops *h;
	bool *seen_task; /* by id */
	const char *reason;
	uint32_t culprit; /* task */
	uint32_t depth;	  /* actors, one within the other */
};

enum { DEPTH_MAX = 256 };

static const uint64_t ENDING = 1ull << (SIGINT - 1) | 1ull << (SIGTERM - 1) | 1ull << (SIGHUP - 1) |
			       1ull << (SIGQUIT - 1);

static bool is_asked(const struct task *t)
{
	return !t->hint && t->state != TASK_DONE &&
	       (t->requested == TOLD_YES || t->shielded == TOLD_YES);
}

/* What the loop of a thread was started for; thread 0: any of the actor. 0: not known. */
static uint32_t main_task(const struct model *m, uint32_t actor, uint32_t thread)
{
	const struct actor *a = model_actor(m, actor);

	for (uint32_t i = 0; i < a->task_count; i++) {
		const struct task *t = model_task(m, a->first_task + i);

		if (t->main && t->thread && (!thread || t->thread == thread))
			return a->first_task + i;
	}
	return 0;
}

/* ---- within an actor ------------------------------------------------------------------------- */

/* Whom this task waits for, when that is a task that was asked to end too, or must let go of it. */
static uint32_t next_task(const struct asking *x, uint32_t task)
{
	const struct task *t = model_task(x->m, task);
	const struct wait *w = t->wait ? model_wait(x->m, t->wait) : NULL;

	for (uint32_t i = 0; w && i < w->term_count; i++) {
		const struct term *term = &x->m->terms.at[w->first_term + i];

		/* all of them, or until a deadline: the item has the tasks */
		if (term->kind == TERM_WAIT && model_wait(x->m, term->id)->task == task) {
			w = model_wait(x->m, term->id);
			i = UINT32_MAX;
			continue;
		}
		if (term->kind == TERM_TASK && !x->seen_task[term->id] &&
		    (term->as == AS_OWNER || is_asked(model_task(x->m, term->id))))
			return term->id;
	}
	return 0;
}

static void add_task_hop(struct asking *x, uint32_t task)
{
	const struct task *t = model_task(x->m, task);
	struct hop *hop;

	if (!t->wait)
		return;
	hop = vec_push(&x->h->at);
	hop->actor = t->actor;
	hop->thread = model_wait(x->m, t->wait)->thread;
	hop->wait = t->wait;
	hop->task = task;
}

static const char *reason_of(const struct task *t)
{
	if (t->shielded == TOLD_YES)
		return "shielded";
	if (t->delivered == TOLD_NO)
		return "cancel-undelivered";
	return t->delivered == TOLD_YES ? "cancel-swallowed" : "not-ending";
}

/* From the main task to the one that holds up all others. */
static void follow(struct asking *x, uint32_t task)
{
	while (task) {
		x->seen_task[task] = true;
		add_task_hop(x, task);
		x->culprit = task;
		task = next_task(x, task);
	}
	x->reason = reason_of(model_task(x->m, x->culprit));
}

/* ---- from actor to actor --------------------------------------------------------------------- */

static void add_thread_hop(struct asking *x, uint32_t thread)
{
	struct hop *hop = vec_push(&x->h->at);

	hop->thread = thread;
	hop->actor = model_thread(x->m, thread)->actor;
	hop->wait = model_thread(x->m, thread)->wait;
}

/* Who has to end before a task goes on: an actor, or one that is hosted on a thread of it. */
struct child {
	uint32_t actor, thread; /* thread 0: any; actor 0: nobody */
};

static struct child child_of(const struct model *m, uint32_t wait)
{
	const struct wait *w = model_wait(m, wait);

	for (uint32_t i = 0; i < w->term_count; i++) {
		const struct term *term = &m->terms.at[w->first_term + i];

		if (term->kind == TERM_EXIT)
			return (struct child){ .actor = term->id };
		/* what the loop of another thread has promised */
		if (term->kind == TERM_THREAD && w->completion && term->id != w->thread)
			return (struct child){ .actor = model_thread(m, term->id)->actor,
					       .thread = term->id };
	}
	return (struct child){ .actor = 0 };
}

/* The item of the thread's own wait that is the same as a task's. */
static uint32_t item_of(const struct model *m, uint32_t thread, const struct wait *of)
{
	uint32_t set = model_thread(m, thread)->wait;

	for (uint32_t id = set + 1; set && id <= m->waits.count; id++) {
		const struct wait *w = model_wait(m, id);

		if (w->thread != thread || w->task)
			break;
		if (w->object == of->object && w->kind == of->kind && w->fd == of->fd)
			return id;
	}
	return 0;
}

static bool enter(struct asking *x, uint32_t actor, uint32_t thread);

/* One of the children whose exit the tasks of an actor wait for is in the way. */
static bool enter_child(struct asking *x, uint32_t actor, uint32_t thread)
{
	const struct actor *a = model_actor(x->m, actor);
	uint32_t here = x->h->at.count;

	for (uint32_t i = 0; i < a->task_count; i++) {
		const struct task *t = model_task(x->m, a->first_task + i);
		struct child child = { .actor = 0 };
		uint32_t item;

		if (t->wait && t->thread == thread && is_asked(t))
			child = child_of(x->m, t->wait);
		if (!child.actor || !model_actor(x->m, child.actor)->in_tree ||
		    child.actor == a->parent)
			continue;
		item = item_of(x->m, thread, model_wait(x->m, t->wait));
		x->h->at.at[here - 1].item = item ? item : t->wait;
		x->depth++;
		if (enter(x, child.actor, child.thread))
			return true;
		x->depth--;
		x->h->at.count = here;
		x->h->at.at[here - 1].item = 0;
	}
	return false;
}

/* Was this actor asked to end, and what is in its way? Each is entered once. */
static bool enter(struct asking *x, uint32_t actor, uint32_t thread)
{
	uint32_t task;
	const struct task *t;

	task = main_task(x->m, actor, thread);
	if (!task || x->seen_task[task] || x->depth >= DEPTH_MAX)
		return false;
	x->seen_task[task] = true;
	t = model_task(x->m, task);
	if (t->hint || model_thread(x->m, t->thread)->moved ||
	    !model_thread(x->m, t->thread)->wait ||
	    graph_node(x->j->g, graph_find(x->j->g, NODE_THREAD, t->thread))->pass < PASS_NEW)
		return false;
	add_thread_hop(x, t->thread);
	if (t->signals & ENDING) {
		x->culprit = task;
		x->reason = "signal-not-handled";
		return true;
	}
	if (!is_asked(t))
		return false;
	if (enter_child(x, actor, t->thread))
		return true;
	follow(x, task);
	return true;
}

/* ---- the answer ------------------------------------------------------------------------------ */

void say_cancel(struct strbuf *b, const struct model *m, uint32_t task)
{
	const struct task *t = model_task(m, task);

	if (t->cancel_by)
		strbuf_addf(b, " by %s", model_str(m, t->cancel_by));
	if (t->cancel_reason)
		strbuf_addf(b, " (%s)", model_str(m, t->cancel_reason));
}

static void tell_wait(struct strbuf *b, const struct model *m, const struct task *t)
{
	const struct wait *w = t->wait ? model_wait(m, t->wait) : NULL;

	if (!w)
		return;
	strbuf_addf(b, "; it is %s", model_str(m, w->text));
	if (never_text(m, w))
		strbuf_addf(b, ": %s", model_str(m, never_text(m, w)));
}

/* "INT", of the first one. */
static const char *signal_name(uint64_t set)
{
	const char *name = set ? sigabbrev_np(__builtin_ctzll(set) + 1) : NULL;

	return name ? name : "?";
}

static void tell(struct asking *x)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct task *t = model_task(x->m, x->culprit);
	struct culprit *c = &x->m->verdict.culprit;

	c->actor = t->actor;
	c->task = x->culprit;
	c->tid = t->thread ? model_thread(x->m, t->thread)->tid : 0;
	c->object = t->wait ? model_wait(x->m, t->wait)->object : 0;
	c->reason = strtab_add(x->m->strings, x->reason);
	say_task(&b, x->m, x->culprit);
	if (!strcmp(x->reason, "signal-not-handled")) {
		strbuf_addf(&b, " rests: its process was sent SIG%s, and its loop never woke",
			    signal_name(t->signals & ENDING));
	} else {
		strbuf_adds(&b, " was asked to end");
		say_cancel(&b, x->m, x->culprit);
		strbuf_adds(&b,
			    !strcmp(x->reason, "shielded") ?
				    ", but a shield holds the cancel back" :
			    !strcmp(x->reason, "cancel-undelivered") ? ", but has not been told" :
			    !strcmp(x->reason, "cancel-swallowed")   ? " and told so, and went on" :
								       "");
		tell_wait(&b, x->m, t);
	}
	c->text = strtab_add(x->m->strings, strbuf_str(&b));
}

bool asked_give(struct judge *j, struct hops *h)
{
	struct model *m = j->m;
	uint32_t thread = graph_node(j->g, j->focus)->id;
	_cleanup_free_ bool *tasks = xcalloc(m->tasks.count + 1, sizeof(*tasks));
	struct asking x = { .j = j, .m = m, .h = h, .seen_task = tasks };

	h->at.count = 0;
	if (!m->tasks.count || !enter(&x, model_thread(m, thread)->actor, thread))
		return false;
	h->cycle = h->at.count;
	tell(&x);
	return true;
}
