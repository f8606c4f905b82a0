/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/task/task.h"

#include "base/strbuf.h"
#include "model/debts.h"
#include "model/tasks.h"
#include "waits/find.h"
#include "waits/handlers.h"
#include "waits/task/park.h"
#include "waits/wait_ctx.h"

#include <inttypes.h>

enum { SCOPES_MAX = 64 };

/* One await that is made a wait. */
struct making {
	struct wait_ctx *c;
	struct model *m;
	const struct await *a;
	const struct snap_process *process;
	const struct snap_task *task; /* the thread of the loop */
	const uint32_t *await_of;     /* by task id: 1 + model.awaits, 0 none */
	uint32_t thread, wait;
	int64_t deadline_ms; /* of the wait itself or of a scope around it; -1 none */
};

/* ---- objects --------------------------------------------------------------------------------- */

/* What the task waits on, known by its place in the memory of its process. */
static void refer(struct making *k, const char *kind)
{
	char key[96];
	struct object *o;
	uint32_t id;

	if (!k->a->object)
		return;
	snprintf(key, sizeof(key), "%s:[%d/0x%" PRIx64 "]", kind, k->process->tgid, k->a->object);
	id = model_add_object(k->m, kind, key);
	o = model_object(k->m, id);
	o->label = k->a->label;
	o->relevant = true;
	/* nobody holds it by a descriptor: who can act is in the terms */
	o->holders_seen = HOLDERS_COMPLETE;
	model_wait(k->m, k->wait)->object = id;
}

static const char *label(const struct making *k)
{
	return k->a->label ? model_str(k->m, k->a->label) : NULL;
}

/* "the lock" or "a lock without a name" */
static void describe(struct making *k, enum wait_type kind, const char *verb, const char *what)
{
	if (label(k))
		wait_describe(k->c, k->wait, kind, "%s %s \"%s\"", verb, what, label(k));
	else
		wait_describe(k->c, k->wait, kind, "%s %s", verb, what);
}

/* Any task or callback of its loop can end it: whatever makes the loop's thread go on. */
static void add_loop(struct making *k)
{
	wait_term(k->c, k->wait,
		  (struct term){ .kind = TERM_THREAD, .as = AS_SETTER, .id = k->thread }, NULL);
}

static void add_task(struct making *k, uint32_t task, enum term_role as)
{
	wait_term(k->c, k->wait, (struct term){ .kind = TERM_TASK, .as = as, .id = task }, NULL);
}

static struct wait_name_of_task {
	char text[96];
} name_of(const struct model *m, uint32_t task)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct wait_name_of_task name;

	task_name_add(&b, m, task);
	snprintf(name.text, sizeof(name.text), "%s", strbuf_str(&b));
	return name;
}

/* ---- the kinds ------------------------------------------------------------------------------- */

static void note_unwatched(struct making *k)
{
	struct wait_fact fact = {
		.kind = "task-fd-unwatched",
		.tgid = k->process->tgid,
		.object = model_wait(k->m, k->wait)->object,
		.fd = k->a->fd,
	};

	wait_finding(k->c, &fact,
		     "%s: task \"%s\" waits for fd %d, which is in no epoll set of this process: "
		     "nothing will tell its loop",
		     wait_name_of(k->c, k->process->tgid).text, name_of(k->m, k->a->task).text,
		     k->a->fd);
}

/* Is a descriptor in some epoll set of the process? True where that cannot be known. */
static bool is_watched(struct making *k, int32_t fd)
{
	bool any = false;

	if (k->process->denied || k->process->fd_total > k->process->file_count)
		return true;
	for (uint32_t i = 0; i < k->process->file_count; i++) {
		const struct snap_file *f = &k->c->snap->files.at[k->process->first_file + i];

		if (f->kind != FILE_EPOLL)
			continue;
		f = wait_file(k->c, f->tgid, f->fd);
		if (!f || !f->details)
			return true;
		any = true;
		for (uint32_t n = 0; n < f->item_count; n++) {
			uint32_t at = f->first_item + n;

			if (at >= k->c->snap->epitems.count || k->c->snap->epitems.at[at].fd == fd)
				return true;
		}
	}
	/* a loop that has no epoll set polls in another way */
	return !any;
}

static void make_fd(struct making *k, uint8_t mode)
{
	struct wait_fd f = {
		.task = k->task,
		.process = k->process,
		.file = wait_file(k->c, k->process->tgid, k->a->fd),
		.fd = k->a->fd,
		.mode = mode,
		.in_set = true,
		.wait = k->wait,
	};

	wait_decode_file(k->c, &f);
	if (f.file && k->m->threads.at[k->thread - 1].wait && !is_watched(k, k->a->fd))
		note_unwatched(k);
}

static void make_process(struct making *k)
{
	const struct snap_process *p = find_process(k->c, k->process, k->a->pid);

	if (k->a->fd >= 0) {
		make_fd(k, MODE_READ);
		return;
	}
	model_wait(k->m, k->wait)->completion = true;
	if (!p) {
		wait_describe(k->c, k->wait, WAIT_PROCESS_EXIT, "waiting for process %d to exit",
			      k->a->pid);
		wait_now(k->c, k->wait, "process %d is gone", k->a->pid);
		return;
	}
	wait_describe(k->c, k->wait,
		      p->ppid == k->process->tgid ? WAIT_CHILD_EXIT : WAIT_PROCESS_EXIT,
		      "waiting for process %s to exit", wait_name_of(k->c, p->tgid).text);
	wait_term_exit(k->c, k->wait, p->tgid);
}

static void make_lock(struct making *k)
{
	refer(k, "task-lock");
	model_wait(k->m, k->wait)->completion = true;
	describe(k, WAIT_TASK_LOCK, "waiting for", "lock");
	if (k->a->owner)
		add_task(k, k->a->owner, AS_OWNER);
	else
		add_loop(k);
}

static void make_channel(struct making *k, bool send)
{
	int64_t others = send ? k->a->receivers : k->a->senders;

	refer(k, "task-channel");
	model_wait(k->m, k->wait)->completion = send;
	model_wait(k->m, k->wait)->input = !send;
	describe(k, WAIT_TASK_CHANNEL, send ? "sending to full" : "receiving from empty",
		 "channel");
	if (others == 0)
		wait_never(k->c, k->wait, "no %s end of it is open",
			   send ? "receiving" : "sending");
	else
		add_loop(k);
}

/* The children of a nursery, in which a task that nobody lists may be. */
static void add_children(struct making *k)
{
	const struct nursery *n = model_nursery(k->m, k->a->nursery);
	const struct actor *a = model_actor(k->m, n->actor);
	int32_t found = 0;

	for (uint32_t i = 0; i < a->task_count; i++) {
		const struct task *t = model_task(k->m, a->first_task + i);

		if (t->nursery != k->a->nursery || t->state == TASK_DONE)
			continue;
		found++;
		add_task(k, a->first_task + i, AS_CHILD);
	}
	if (n->children > found) {
		struct wait_fact fact = { .kind = "nursery-unknown-child",
					  .tgid = k->process->tgid,
					  .fd = -1 };

		wait_finding(k->c, &fact,
			     "%s: task \"%s\" waits for %d children of its nursery, but only %d of "
			     "them are in any list of tasks",
			     wait_name_of(k->c, k->process->tgid).text,
			     name_of(k->m, k->a->task).text, n->children, found);
		wait_unknown(k->c, k->wait, "a child of a nursery is in no list of tasks");
	}
	if (!found && !n->children)
		wait_now(k->c, k->wait, "no child is left");
}

static void make_nursery(struct making *k)
{
	refer(k, "nursery");
	model_wait(k->m, k->wait)->completion = true;
	if (!k->a->nursery) {
		describe(k, WAIT_NURSERY, "waiting for the children of", "nursery");
		wait_unknown(k->c, k->wait, "which nursery it waits for could not be read");
		return;
	}
	if (model_nursery(k->m, k->a->nursery)->name)
		wait_describe(k->c, k->wait, WAIT_NURSERY,
			      "waiting for the children of nursery \"%s\"",
			      model_str(k->m, model_nursery(k->m, k->a->nursery)->name));
	else
		wait_describe(k->c, k->wait, WAIT_NURSERY, "waiting for the children of a nursery");
	add_children(k);
	model_wait(k->m, k->wait)->need = model_wait(k->m, k->wait)->term_count;
}

static void make_join(struct making *k)
{
	model_wait(k->m, k->wait)->completion = true;
	if (k->a->owner) {
		wait_describe(k->c, k->wait, WAIT_TASK_JOIN, "waiting for task \"%s\"",
			      name_of(k->m, k->a->owner).text);
		add_task(k, k->a->owner, AS_CHILD);
	} else {
		describe(k, WAIT_TASK_JOIN, "waiting for", "a task");
		wait_unknown(k->c, k->wait, "which task it waits for is not known");
	}
}

static void make_several(struct making *k, bool all)
{
	const uint32_t *others = k->m->await_tasks.at + k->a->first_other;

	model_wait(k->m, k->wait)->completion = true;
	wait_describe(k->c, k->wait, WAIT_TASK_JOIN,
		      all ? "waiting for all of %u tasks" : "waiting for one of %u tasks",
		      k->a->other_count);
	for (uint32_t i = 0; i < k->a->other_count; i++)
		add_task(k, others[i], AS_CHILD);
	if (!k->a->other_count)
		wait_unknown(k->c, k->wait, "which tasks it waits for is not known");
	model_wait(k->m, k->wait)->need = all ? model_wait(k->m, k->wait)->term_count : 1;
}

static void make_thread(struct making *k)
{
	uint32_t actor = model_wait(k->m, k->wait)->actor;

	refer(k, "thread-job");
	model_wait(k->m, k->wait)->completion = true;
	if (k->a->tid > 0) {
		wait_describe(k->c, k->wait, WAIT_THREAD_JOIN, "waiting for worker thread %d",
			      k->a->tid);
		wait_term_tid(k->c, k->wait, k->a->tid, AS_OWNER);
		return;
	}
	describe(k, WAIT_THREAD_JOIN, "waiting for", "a worker thread");
	wait_term(k->c, k->wait, (struct term){ .kind = TERM_ACTOR, .as = AS_OWNER, .id = actor },
		  NULL);
}

static void make_sleep(struct making *k)
{
	wait_describe(k->c, k->wait, WAIT_SLEEP,
		      k->deadline_ms < 0 ? "sleeping until it is cancelled" : "sleeping");
	if (k->deadline_ms < 0)
		wait_new(k->c, k->wait, "a cancel");
}

static void make_signal(struct making *k)
{
	if (k->a->number)
		wait_describe(k->c, k->wait, WAIT_SIGNAL, "waiting for signal %d", k->a->number);
	else
		wait_describe(k->c, k->wait, WAIT_SIGNAL, "waiting for a signal");
	wait_new(k->c, k->wait, "a signal");
}

static void make_event(struct making *k)
{
	const struct promised p = { k->c, k->a, k->process, k->task, k->wait, k->await_of };

	refer(k, "task-event");
	describe(k, WAIT_TASK_EVENT, "waiting for", "event");
	if (!waits_decode_promise(&p))
		add_loop(k);
}

static void make_rest(struct making *k)
{
	switch ((enum await_kind)k->a->kind) {
	case AWAIT_EVENT:
		make_event(k);
		break;
	case AWAIT_FUTURE:
		refer(k, "future");
		wait_describe(k->c, k->wait, WAIT_TASK_EVENT, "waiting for %s",
			      label(k) ? label(k) : "a future that nobody has set");
		add_loop(k);
		break;
	case AWAIT_LIMIT:
		refer(k, "limiter");
		describe(k, WAIT_SEMAPHORE, "waiting for a place in", "limiter");
		model_wait(k->m, k->wait)->completion = true;
		add_loop(k);
		break;
	default:
		describe(k, WAIT_UNKNOWN, "waiting for", label(k) ? "" : "what is not known");
		wait_unknown(k->c, k->wait, "what task \"%s\" waits for is not known",
			     name_of(k->m, k->a->task).text);
		break;
	}
}

static void make_kind(struct making *k)
{
	switch ((enum await_kind)k->a->kind) {
	case AWAIT_READABLE:
		make_fd(k, MODE_READ);
		break;
	case AWAIT_WRITABLE:
		make_fd(k, MODE_WRITE);
		break;
	case AWAIT_PROCESS:
		make_process(k);
		break;
	case AWAIT_SLEEP:
	case AWAIT_FOREVER:
		make_sleep(k);
		break;
	case AWAIT_LOCK:
		make_lock(k);
		break;
	case AWAIT_SEND:
	case AWAIT_RECEIVE:
		make_channel(k, k->a->kind == AWAIT_SEND);
		break;
	case AWAIT_NURSERY:
		make_nursery(k);
		break;
	case AWAIT_TASK:
		make_join(k);
		break;
	case AWAIT_ALL:
	case AWAIT_ANY:
		make_several(k, k->a->kind == AWAIT_ALL);
		break;
	case AWAIT_THREAD:
		make_thread(k);
		break;
	case AWAIT_SIGNAL:
		make_signal(k);
		break;
	default:
		make_rest(k);
		break;
	}
}

/* ---- deadlines ------------------------------------------------------------------------------- */

/*
 * The next deadline of the scopes around a task that can reach it: its own, and those outside as
 * far as no shield stops them. -1: there is none.
 */
static int64_t next_deadline(const struct model *m, const struct await *a)
{
	uint32_t scope = model_task(m, a->task)->scope;
	int64_t next = a->deadline_ms;

	for (int depth = 0; scope && depth < SCOPES_MAX; depth++) {
		const struct scope *s = model_scope(m, scope);

		/* one that has passed has been delivered, or is held back further in */
		if (s->deadline_ms >= 0 && !s->cancelled && (next < 0 || s->deadline_ms < next))
			next = s->deadline_ms;
		if (s->shield)
			break;
		scope = s->parent;
	}
	return next;
}

static void add_deadline(struct making *k)
{
	struct wait *w = model_wait(k->m, k->wait);

	w->timeout_ms = k->deadline_ms;
	wait_term(k->c, k->wait, (struct term){ .kind = TERM_TIME },
		  "its own time-out, %" PRId64 ".%03d s left", k->deadline_ms / 1000,
		  (int)(k->deadline_ms % 1000));
}

/*
 * Children that are waited for all together, or until a deadline: one wait needs all of its terms,
 * and another one of two.
 */
static void make_until(struct making *k)
{
	uint32_t outer = k->wait, inner = model_add_wait(k->m, k->thread, outer);
	struct wait *item = model_wait(k->m, inner);

	item->task = k->a->task;
	item->op = model_wait(k->m, outer)->op;
	k->wait = inner;
	make_kind(k);
	k->wait = outer;
	item = model_wait(k->m, inner);
	model_wait(k->m, outer)->kind = item->kind;
	model_wait(k->m, outer)->text = item->text;
	model_wait(k->m, outer)->object = item->object;
	model_wait(k->m, outer)->completion = item->completion;
	wait_term(k->c, outer, (struct term){ .kind = TERM_WAIT, .id = inner }, NULL);
	add_deadline(k);
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* Whatever it waits for: nobody runs its loop any more. */
static void make_gone(struct making *k)
{
	struct wait *w = model_wait(k->m, k->wait);

	k->m->terms.count -= w->term_count;
	w->term_count = 0;
	w->need = 1;
	w->timeout_ms = -1;
	wait_never(k->c, k->wait, "thread %d, which ran the loop of this task, is gone",
		   model_task(k->m, k->a->task)->gone_tid);
}

static void make(struct wait_ctx *c, const struct await *a, const uint32_t *await_of)
{
	struct making k = { .c = c, .m = c->model, .a = a, .await_of = await_of };
	struct task *t = model_task(k.m, a->task);
	const struct actor *actor = model_actor(k.m, t->actor);
	struct wait *w;

	k.thread = t->thread ? t->thread : actor->first_thread;
	if (!k.thread && actor->kind == ACTOR_INTERPRETER)
		k.thread = actor->host_thread;
	k.process = snapshot_process(c->snap, actor->pid);
	if (!k.thread || !k.process)
		return;
	k.task = snapshot_task(c->snap, model_thread(k.m, k.thread)->tid);
	if (!k.task)
		return;
	k.wait = model_add_wait(k.m, k.thread, 0);
	t->wait = k.wait;
	w = model_wait(k.m, k.wait);
	w->task = a->task;
	w->op = strtab_add(k.m->strings, "await");
	w->since_ms = a->since_ms < 0 ? UINT64_MAX : (uint64_t)a->since_ms;
	c->items_left = WAIT_ITEMS_MAX;
	c->items_cut = false;
	k.deadline_ms = next_deadline(k.m, a);
	if (t->gone_tid) {
		make_kind(&k);
		make_gone(&k);
		return;
	}
	if (k.deadline_ms >= 0 && (a->kind == AWAIT_NURSERY || a->kind == AWAIT_ALL)) {
		make_until(&k);
		return;
	}
	make_kind(&k);
	if (k.deadline_ms >= 0)
		add_deadline(&k);
}

/* A loop that looks up now and then, though no task has a deadline: that ends no wait. */
static void drop_timeout(struct model *m, uint32_t thread)
{
	struct wait *w =
		model_thread(m, thread)->wait ? model_wait(m, model_thread(m, thread)->wait) : NULL;

	if (w && w->kind == WAIT_POLL)
		model_drop_timeout(m, w, "the loop looks up then, but no task has a deadline");
}

void waits_decode_tasks(struct wait_ctx *c)
{
	_cleanup_free_ uint32_t *await_of = xcalloc(c->model->tasks.count + 1, sizeof(*await_of));

	waits_decode_handlers(c);
	waits_decode_parks(c);
	for (uint32_t i = 0; i < c->model->awaits.count; i++)
		await_of[c->model->awaits.at[i].task] = i + 1;
	for (uint32_t i = 0; i < c->model->awaits.count; i++) {
		/* a copy: nothing is added to them, but who knows */
		const struct await a = c->model->awaits.at[i];

		make(c, &a, await_of);
	}
	c->model->awaits.count = c->model->await_tasks.count = 0;
	for (uint32_t i = 0; i < c->model->idle_loops.count; i++)
		drop_timeout(c->model, c->model->idle_loops.at[i]);
}
