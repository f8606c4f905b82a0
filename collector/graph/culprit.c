/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * culprit.c - who is to blame, and which one descriptor would free the tree.
 */
#include "graph/judge.h"

#include "model/tasks.h"
#include "waits/set/spin.h"

#include <string.h>

/*
 * Questions "and if this descriptor were closed?" asked at most. Each solves the graph anew, so a
 * large graph is asked fewer: so many nodes in all, some 50 ms.
 */
enum { CLOSES_TRIED = 64, NODES_SOLVED = 1000000 };

static bool is_full(const struct wait *w)
{
	return w->kind == WAIT_PIPE_WRITE || w->kind == WAIT_UNIX_SEND || w->kind == WAIT_TCP_SEND;
}

/* Waits for something that others would have to send, write or post. */
static bool is_empty(const struct wait *w)
{
	return w->input || w->kind == WAIT_PIPE_READ || w->kind == WAIT_UNIX_RECV ||
	       w->kind == WAIT_TCP_RECV || w->kind == WAIT_PTY || w->kind == WAIT_EVENTFD;
}

/* Does this wait keep its thread from serving others until somebody is done? */
static bool holds_up(const struct wait *w)
{
	return is_exit_wait(w) || w->kind == WAIT_THREAD_JOIN || w->kind == WAIT_VFORK;
}

static const struct wait *hop_wait(const struct model *m, const struct hop *hop)
{
	uint32_t id = hop->item ? hop->item : hop->wait;

	return id ? model_wait(m, id) : NULL;
}

/* How surely is `next` to blame for the wait of `hop`, and in which word? */
static int blame(const struct model *m, const struct hop *hop, const struct hop *next,
		 const char **reason)
{
	const struct wait *w = hop_wait(m, hop), *other = hop_wait(m, next);

	*reason = "not-exiting";
	if (!w || !other)
		return -1;
	if (hop->task && next->task) {
		*reason = "task-circle";
		return is_anybodys(m, w) ? 1 : 2;
	}
	if (is_full(w)) {
		*reason = "not-reading";
		return holds_up(other) ? 5 : 3;
	}
	if (is_empty(w)) {
		*reason = "not-writing";
		return holds_up(other) ? 4 : 1;
	}
	if (is_anybodys(m, w)) {
		*reason = "not-setting";
		return 1;
	}
	if (w->completion && !holds_up(w)) {
		*reason = "lock-order";
		return 2;
	}
	return 0;
}

static void say_who(struct strbuf *b, const struct model *m, const struct hop *hop)
{
	if (hop->task)
		say_task(b, m, hop->task);
	else
		say_thread(b, m, hop->thread);
}

static void set(struct judge *j, const struct hop *hop, uint32_t object, const char *reason)
{
	struct culprit *c = &j->m->verdict.culprit;

	c->actor = hop->actor;
	c->task = hop->task;
	c->tid = hop->task && !model_task(j->m, hop->task)->thread ? 0 : /* its thread is gone */
			 hop->thread ? model_thread(j->m, hop->thread)->tid :
				       model_actor(j->m, hop->actor)->pid;
	c->object = object;
	c->reason = strtab_add(j->m->strings, reason);
}

static uint32_t object_of(const struct model *m, const struct hop *hop)
{
	const struct wait *w = hop_wait(m, hop);

	return hop->object ? hop->object : w ? w->object : 0;
}

/* The sentence: "A does not read pipe:[1], which B needs, while it is waiting for B to exit". */
static void tell_blame(struct judge *j, const struct hop *hop, const struct hop *culprit,
		       const char *reason)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct model *m = j->m;
	uint32_t object = object_of(m, hop);
	const char *key = object ? model_str(m, model_object(m, object)->key) : "it";

	say_who(&b, m, culprit);
	if (hop == culprit) {
		strbuf_addf(&b,
			    is_any_threads(m, hop) ?
				    " waits, and no thread that could end that (%s) can go on" :
				    " itself is the only one who could end that (%s)",
			    key);
		j->m->verdict.culprit.text = strtab_add(m->strings, strbuf_str(&b));
		return;
	}
	if (!strcmp(reason, "not-reading"))
		strbuf_addf(&b, " can empty %s but does not read it", key);
	else if (!strcmp(reason, "not-writing"))
		strbuf_addf(&b, " can write to %s but does not", key);
	else if (!strcmp(reason, "lock-order"))
		strbuf_addf(&b, " holds %s", key);
	else if (!strcmp(reason, "task-circle"))
		strbuf_adds(&b, " could end that");
	else if (!strcmp(reason, "not-setting"))
		strbuf_addf(&b, " could end the wait for %s but does not", key);
	else
		strbuf_adds(&b, " does not exit");
	strbuf_addf(&b, " while it is %s", hop_text(m, culprit));
	j->m->verdict.culprit.text = strtab_add(m->strings, strbuf_str(&b));
}

static void blame_circle(struct judge *j, const struct hops *h)
{
	const char *best_reason = NULL;
	uint32_t best = 0, best_from = 0, n = h->at.count;
	int best_score = -1;

	for (uint32_t i = h->cycle; i < n; i++) {
		uint32_t next = i + 1 < n ? i + 1 : h->cycle;
		const char *reason;
		int score = blame(j->m, &h->at.at[i], &h->at.at[next], &reason);

		/* of equals the first one on the way: both readers then blame the same */
		if (score <= best_score)
			continue;
		best_score = score;
		best = next;
		best_from = i;
		best_reason = reason;
	}
	if (!best_reason)
		return;
	if (n - h->cycle == 1)
		best_reason = "self-wait";
	set(j, &h->at.at[best], object_of(j->m, &h->at.at[best_from]), best_reason);
	tell_blame(j, &h->at.at[best_from], &h->at.at[best], best_reason);
}

uint32_t never_text(const struct model *m, const struct wait *w)
{
	for (uint32_t i = 0; i < w->term_count; i++)
		if (m->terms.at[w->first_term + i].kind == TERM_NEVER)
			return m->terms.at[w->first_term + i].text;
	return 0;
}

/*
 * The way ends in a wait that nothing can end: a dead owner, a lock copied by fork, nobody at the
 * other end.
 */
static void blame_never(struct judge *j, const struct hop *last)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct wait *w = hop_wait(j->m, last);
	struct culprit *c = &j->m->verdict.culprit;

	set(j, last, object_of(j->m, last), "nobody-can");
	if (!w || !last->thread)
		return;
	if (last->task)
		c->reason = strtab_add(j->m->strings, "broken-promise");
	if (w->kind == WAIT_MUTEX || w->kind == WAIT_RWLOCK || w->kind == WAIT_SEMAPHORE)
		c->reason = strtab_add(j->m->strings, "never-released");
	say_who(&b, j->m, last);
	strbuf_addf(&b, " is %s", hop_text(j->m, last));
	if (never_text(j->m, w))
		strbuf_addf(&b, ": %s", model_str(j->m, never_text(j->m, w)));
	c->text = strtab_add(j->m->strings, strbuf_str(&b));
}

static const char *live_reason(enum pass pass)
{
	switch (pass) {
	case PASS_RUNS:
		return "running";
	case PASS_BUSY:
		return "busy";
	case PASS_TIME:
		return "sleeping";
	case PASS_OUTSIDE:
		return "external";
	case PASS_NEW:
		return "waiting-for-input";
	case PASS_STOPPED:
		return "stopped";
	default:
		return "unknown";
	}
}

/* What is always ready in an epoll set of a busy process: its one finding of that; or NULL. */
static const struct finding *spin_of(const struct model *m, uint32_t actor)
{
	const struct finding *found = NULL;

	for (uint32_t i = 0; i < m->findings.count; i++) {
		const struct finding *f = &m->findings.at[i];

		if (f->actor != actor || strcmp(model_str(m, f->kind), SPIN_FINDING) != 0)
			continue;
		if (found)
			return NULL;
		found = f;
	}
	return found;
}

/* The one task that runs on a thread, as far as a running loop can be read; 0: none, or several. */
static uint32_t running_task(const struct model *m, uint32_t thread)
{
	uint32_t found = 0;

	for (uint32_t id = 1; thread && id <= m->tasks.count; id++) {
		const struct task *t = model_task(m, id);

		if (t->thread != thread || t->state != TASK_RUNNING)
			continue;
		if (found)
			return 0;
		found = id;
	}
	return found;
}

static void tell_running(struct strbuf *b, const struct model *m, uint32_t task)
{
	strbuf_adds(b, ", in task \"");
	task_name_add(b, m, task);
	strbuf_adds(b, "\" when that was read");
	if (model_task(m, task)->requested != TOLD_YES)
		return;
	strbuf_adds(b, ", which was asked to end");
	say_cancel(b, m, task);
	strbuf_adds(b, model_task(m, task)->delivered == TOLD_YES ? " and told so" : "");
}

/* A connection that is not made yet: who has the listener that does not take it. */
static void tell_listener(struct strbuf *b, const struct model *m, const struct hop *hop)
{
	const struct wait *w = hop_wait(m, hop);
	uint32_t listener = w && w->object ? model_object(m, w->object)->peer : 0, count = 0;
	const uint32_t *holders = listener ? model_holders(m, listener, &count) : NULL;
	const struct holder *first;

	if (!count || w->kind != WAIT_TCP_CONNECT)
		return;
	first = &m->holders.at[holders[0]];
	strbuf_adds(b, "; ");
	say_actor(b, m, first->actor);
	if (count > 1)
		strbuf_addf(b, " and %u more", count - 1);
	strbuf_addf(b, " %s that listener", count > 1 ? "have" : "has");
	if (first->fd >= 0)
		strbuf_addf(b, " (fd %d)", first->fd);
}

static void tell_seed(struct strbuf *b, const struct judge *j, const struct hop *last,
		      const struct finding *spin)
{
	say_thread(b, j->m, last->thread);
	strbuf_addf(b, " is %s", hop_text(j->m, last));
	if (j->m->verdict.culprit.task)
		tell_running(b, j->m, j->m->verdict.culprit.task);
	if (spin)
		strbuf_addf(b, ", and fd %d, %s, is always ready in an epoll set of it", spin->fd,
			    model_str(j->m, model_object(j->m, spin->object)->key));
	if (j->pass == PASS_TIME)
		tell_listener(b, j->m, last);
}

static void blame_seed(struct judge *j, const struct hops *h)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	const struct hop *last = &h->at.at[h->at.count - 1];
	const struct finding *spin = j->pass == PASS_BUSY ? spin_of(j->m, last->actor) : NULL;
	uint32_t object = spin ? spin->object : object_of(j->m, last);

	/*
	 * a process without threads here (outside, or not to be looked into): what its waiter waits
	 * on
	 */
	if (!last->thread && h->at.count > 1)
		object = object_of(j->m, last - 1);
	set(j, last, object, live_reason(j->pass));
	if (j->pass == PASS_BUSY && !last->task)
		j->m->verdict.culprit.task = running_task(j->m, last->thread);
	if (last->thread) {
		tell_seed(&b, j, last, spin);
	} else {
		say_actor(&b, j->m, last->actor);
		strbuf_adds(&b, ", which is not part of the tree, decides");
	}
	j->m->verdict.culprit.text = strtab_add(j->m->strings, strbuf_str(&b));
}

/* Would the focus go on if this holder closed its descriptor? */
static bool would_free(const struct judge *j, uint32_t holder)
{
	struct graph_opts opts = { .closed_holder = holder + 1 };
	_cleanup_graph_ struct graph *g = graph_new(j->m, &opts);

	return graph_node(g, j->focus)->pass == PASS_RUNS;
}

static void tell_close(struct judge *j, uint32_t index, uint32_t object)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct model *m = j->m;
	const struct holder *h = &m->holders.at[index];
	const struct object *o = model_object(m, object);
	struct culprit *c = &m->verdict.culprit;

	if (c->text)
		strbuf_addf(&b, "%s. ", model_str(m, c->text));
	strbuf_addf(&b, "Close fd %d in pid %d (%s)", h->fd, model_actor(m, h->actor)->pid,
		    model_str(m, model_actor(m, h->actor)->name));
	strbuf_adds(&b, h->inherited ? ", inherited at fork," : "");
	strbuf_addf(&b, " and the reader of %s", model_str(m, o->key));
	if (o->label)
		strbuf_addf(&b, " (%s)", model_str(m, o->label));
	strbuf_adds(&b, " goes on");
	c->text = strtab_add(m->strings, strbuf_str(&b));
	if (h->inherited && (m->verdict.kind != VERDICT_DEADLOCK ||
			     m->verdict.confidence == CONFIDENCE_CONDITIONAL)) {
		c->actor = h->actor;
		c->tid = model_actor(m, h->actor)->pid;
		c->task = 0;
		c->object = object;
		c->reason = strtab_add(m->strings, "fd-inherited");
	}
}

/* May it close its descriptor, so that the reader sees an end of file that is of use to it? */
static bool may_close(const struct hop *reader, const struct holder *h)
{
	/* a loop that polls a pair of its own: its end would take the way to wake it, no more */
	bool wakeup = reader->item && h->actor == reader->actor;

	return h->mode & MODE_WRITE && h->fd >= 0 && !wakeup;
}

/*
 * Counterfactual: a reader on the chain waits for an end of file that one holder of the write end
 * withholds. Asked for pipes and sockets on the chain, holder by holder.
 */
static void try_closes(struct judge *j, const struct hops *h)
{
	uint32_t tried = 0, most = NODES_SOLVED / (graph_count(j->g) + 1);

	if (most > CLOSES_TRIED)
		most = CLOSES_TRIED;
	for (uint32_t i = 0; i < h->at.count; i++) {
		const struct wait *w = hop_wait(j->m, &h->at.at[i]);
		uint32_t count, object = h->at.at[i].object;
		const uint32_t *holders;

		if (!w || !object || !(w->kind == WAIT_PIPE_READ || h->at.at[i].task))
			continue;
		holders = model_holders(j->m, object, &count);
		for (uint32_t k = 0; k < count && tried < most; k++) {
			if (!may_close(&h->at.at[i], &j->m->holders.at[holders[k]]))
				continue;
			tried++;
			if (!would_free(j, holders[k]))
				continue;
			tell_close(j, holders[k], object);
			return;
		}
	}
}

void culprit_give(struct judge *j, const struct hops *h)
{
	if (!h->at.count || j->pass == PASS_RUNS)
		return;
	if (j->target && h->cycle < h->at.count)
		blame_circle(j, h);
	else if (j->target)
		blame_never(j, &h->at.at[h->at.count - 1]);
	else
		blame_seed(j, h);
	if (j->pass >= PASS_TIME)
		try_closes(j, h);
}
