/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trio.c - the tasks of trio 0.19 and later.
 *
 * A Runner is a local variable of trio.run() on the stack of its thread. Runner, Task, CancelScope
 * and CancelStatus are classes with slots, Nursery has a dict; all are read by name (trio,
 * _core/_run.py). What a task waits for is in the frames of trio's own functions at the end of its
 * chain of awaits.
 */
#include "runtimes/python/tasks/inside.h"

#include <math.h>
#include <string.h>

enum { STATUS_MAX = 64 };

/* One Runner. */
struct runner {
	struct py_tasks *x;
	uint64_t addr;
	uint32_t thread;
	double clock_now; /* of its own clock; NAN unknown */
};

/* ---- scopes ---------------------------------------------------------------------------------- */

/* Time left on the clock of the run; -1 none or unknown, 0 passed. */
static int64_t left_ms(const struct runner *r, double deadline)
{
	double left = (deadline - r->clock_now) * 1e3;

	if (!isfinite(left) || left > 1e15)
		return -1;
	return left < 0 ? 0 : (int64_t)left;
}

static uint32_t add_scope(struct runner *r, uint64_t status)
{
	struct py_tasks *x = r->x;
	uint64_t scope = py_attr_or_0(x, status, "_scope"), reason;
	uint32_t id = model_add_scope(x->m, x->actor, scope ? scope : status);
	struct scope *s = model_scope(x->m, id);
	double deadline;

	map_put(&x->scopes, status, id);
	s->shield = py_attr_true(x, scope, "_shield");
	s->cancelled = py_attr_true(x, scope, "_cancel_called");
	if (py_attr_float(x, scope, "_deadline", &deadline))
		s->deadline_ms = left_ms(r, deadline);
	/* from 0.31 on: who cancelled it and why */
	reason = py_attr_or_0(x, scope, "_cancel_reason");
	if (reason) {
		s->by = py_model_str(x, py_attr_or_0(x, reason, "source_task"));
		if (!s->by)
			s->by = py_model_str(x, py_attr_or_0(x, reason, "source"));
		s->reason = py_model_str(x, py_attr_or_0(x, reason, "reason"));
	}
	return id;
}

/* The scope of a CancelStatus, with those around it. */
static uint32_t scope_of(struct runner *r, uint64_t status)
{
	struct py_tasks *x = r->x;
	uint32_t first = 0, inner = 0, id, before = x->m->scopes.count;

	for (int depth = 0; status && depth < STATUS_MAX; depth++) {
		bool known = map_find(&x->scopes, status, &id);

		if (!known)
			id = add_scope(r, status);
		first = first ? first : id;
		/* no circle: a known one that was not added just now has its parents */
		if (inner && !(known && id > before))
			model_scope(x->m, inner)->parent = id;
		if (known)
			break;
		inner = id;
		status = py_attr_or_0(x, status, "_parent");
	}
	return first;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static uint32_t task_id(const struct runner *r, uint64_t task)
{
	return task ? map_get(&r->x->tasks, task, 0) : 0;
}

static uint32_t nursery_of(struct runner *r, uint64_t nursery)
{
	struct py_tasks *x = r->x;
	uint32_t id, scope;
	struct nursery *n;

	if (!nursery)
		return 0;
	if (map_find(&x->nurseries, nursery, &id))
		return id;
	id = model_add_nursery(x->m, x->actor, nursery);
	map_put(&x->nurseries, nursery, id);
	scope = scope_of(r, py_attr_or_0(x, nursery, "_cancel_status"));
	n = model_nursery(x->m, id);
	n->scope = scope;
	n->task = task_id(r, py_attr_or_0(x, nursery, "_parent_task"));
	n->children = (int32_t)py_len(x->py->objs, py_attr_or_0(x, nursery, "_children"));
	n->waiting = py_attr_true(x, nursery, "_parent_waiting_in_aexit");
	return id;
}

/* A cancel reaches it, or a shield holds one back. */
static void read_cancel(struct runner *r, struct task *t, uint64_t status)
{
	struct py_tasks *x = r->x;
	bool effective = py_attr_true(x, status, "effectively_cancelled"), outside = false;
	uint32_t scope = t->scope;

	if (!status)
		return;
	for (int depth = 0; scope && depth < STATUS_MAX && !outside; depth++) {
		const struct scope *s = model_scope(x->m, scope);

		outside = s->cancelled;
		if (outside) {
			t->cancel_by = s->by;
			t->cancel_reason = s->reason;
		}
		scope = s->parent;
	}
	t->requested = effective ? TOLD_YES : TOLD_NO;
	t->shielded = !effective && outside ? TOLD_YES : TOLD_NO;
	/* trio wakes whoever it can: who still sleeps in a cancelled scope has not been told */
	t->delivered = effective && t->state == TASK_WAITING ? TOLD_NO : NOT_TOLD;
}

static uint8_t state_of(struct runner *r, uint64_t task)
{
	switch (r->x->state) {
	case PY_GEN_RUNNING:
		return TASK_RUNNING;
	case PY_GEN_DONE:
		return TASK_DONE;
	case PY_GEN_CREATED:
		return TASK_NEW;
	default:
		return py_attr_or_0(r->x, task, "_next_send_fn") ? TASK_RUNNABLE : TASK_WAITING;
	}
}

static bool add_task(struct runner *r, uint64_t task)
{
	struct py_tasks *x = r->x;
	uint32_t id;

	if (!py_is(x->py->objs, task, "Task"))
		return true;
	id = model_add_task(x->m, x->actor, task);
	if (!id)
		return false;
	map_put(&x->tasks, task, id);
	model_task(x->m, id)->runtime = x->runtime;
	model_task(x->m, id)->thread = r->thread;
	model_task(x->m, id)->name = py_model_str(x, py_attr_or_0(x, task, "name"));
	return true;
}

/* ---- waits ----------------------------------------------------------------------------------- */

static void add_fd(struct runner *r, struct await *a)
{
	const struct py_frame *f = py_chain_find(r->x, "_io_epoll.py", "_epoll_wait");
	uint64_t fd = py_chain_local(r->x, f, "fd");
	int64_t number = -1;

	a->kind = py_chain_find(r->x, "_io_epoll.py", "wait_writable") ? AWAIT_WRITABLE :
									 AWAIT_READABLE;
	if (!fd || !py_int(r->x->py->objs, fd, &number) || number < 0 || number > INT32_MAX)
		a->kind = AWAIT_UNKNOWN;
	a->fd = (int32_t)number;
}

static void add_channel(struct runner *r, struct await *a, const struct py_frame *f, bool send)
{
	struct py_tasks *x = r->x;
	uint64_t self = py_chain_local(x, f, "self"), state = py_attr_or_0(x, self, "_state");

	a->kind = send ? AWAIT_SEND : AWAIT_RECEIVE;
	a->object = state ? state : self;
	a->senders = py_attr_int(x, state, "open_send_channels", -1);
	a->receivers = py_attr_int(x, state, "open_receive_channels", -1);
	a->capacity = py_attr_int(x, state, "max_buffer_size", -1);
}

static void add_nursery(struct runner *r, struct await *a, const struct py_frame *f)
{
	a->kind = AWAIT_NURSERY;
	a->object = py_chain_local(r->x, f, "self");
	if (a->object && py_is(r->x->py->objs, a->object, "Nursery"))
		a->nursery = nursery_of(r, a->object);
}

static void add_lock(struct runner *r, struct await *a, const struct py_frame *f)
{
	struct py_tasks *x = r->x;

	a->object = py_chain_local(x, f, "self");
	if (py_is(x->py->objs, a->object, "Semaphore")) {
		a->kind = AWAIT_LIMIT;
		return;
	}
	a->kind = AWAIT_LOCK;
	a->owner = task_id(r, py_attr_or_0(x, a->object, "_owner"));
}

/* The worker has the function that brings the result back: it is a variable of the waiting one. */
static void add_thread(struct runner *r, struct await *a, const struct py_frame *f)
{
	uint32_t thread;

	a->object = py_chain_local(r->x, f, "deliver_worker_fn_result");
	thread = py_job_thread(r->x, a->object);
	a->tid = thread ? model_thread(r->x->m, thread)->tid : 0;
}

/* A function of trio in which tasks wait: what it says of the wait. */
struct place {
	const char *file, *function;
	uint8_t kind; /* enum await_kind */
};

/* Innermost first; acquire() of _sync.py is of locks and of semaphores. */
static const struct place places[] = {
	{ "trio/_core/_io_epoll.py", "_epoll_wait", AWAIT_READABLE },
	{ "trio/_channel.py", "send", AWAIT_SEND },
	{ "trio/_channel.py", "receive", AWAIT_RECEIVE },
	{ "trio/_core/_run.py", "_nested_child_finished", AWAIT_NURSERY },
	{ "trio/_sync.py", "acquire_on_behalf_of", AWAIT_LIMIT },
	{ "trio/_sync.py", "acquire", AWAIT_LOCK },
	{ "trio/_sync.py", "wait", AWAIT_EVENT },
	{ "trio/_threads.py", "to_thread_run_sync", AWAIT_THREAD },
	{ "trio/_timeouts.py", "sleep_forever", AWAIT_FOREVER },
	{ "trio/_signals.py", "__anext__", AWAIT_SIGNAL },
	{ "trio/_core/_parking_lot.py", "park", AWAIT_EVENT },
};

static const struct place *place_of(struct runner *r, const struct py_frame **f)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		*f = py_chain_find(r->x, places[i].file, places[i].function);
		if (*f)
			return &places[i];
	}
	return NULL;
}

static void read_wait(struct runner *r, uint32_t task)
{
	struct await a = await_of(task, AWAIT_UNKNOWN);
	const struct py_frame *f;
	const struct place *p = place_of(r, &f);

	if (!p) {
		model_add_await(r->x->m, a, NULL, 0);
		return;
	}
	a.kind = p->kind;
	if (p->kind == AWAIT_READABLE)
		add_fd(r, &a);
	else if (p->kind == AWAIT_SEND || p->kind == AWAIT_RECEIVE)
		add_channel(r, &a, f, p->kind == AWAIT_SEND);
	else if (p->kind == AWAIT_NURSERY)
		add_nursery(r, &a, f);
	else if (p->kind == AWAIT_LOCK)
		add_lock(r, &a, f);
	else if (p->kind == AWAIT_THREAD)
		add_thread(r, &a, f);
	else
		a.object = py_chain_local(r->x, f, "self");
	model_add_await(r->x->m, a, NULL, 0);
}

/* ---- all of a run ---------------------------------------------------------------------------- */

static void link_task(struct runner *r, uint32_t id, uint64_t main_task)
{
	struct py_tasks *x = r->x;
	uint64_t task = model_task(x->m, id)->address;
	uint64_t status = py_attr_or_0(x, task, "_cancel_status"), lists[STATUS_MAX];
	uint32_t nursery = nursery_of(r, py_attr_or_0(x, task, "_parent_nursery"));
	uint32_t scope = scope_of(r, status), count;
	struct task *t;

	count = py_items(x->py->objs, py_attr_or_0(x, task, "_child_nurseries"), lists, STATUS_MAX);
	for (uint32_t i = 0; i < count; i++)
		if (py_is(x->py->objs, lists[i], "Nursery"))
			nursery_of(r, lists[i]);
	py_chain_read(x, py_attr_or_0(x, task, "coro"));
	t = model_task(x->m, id);
	t->nursery = nursery;
	t->scope = scope;
	t->parent = nursery ? model_nursery(x->m, nursery)->task : 0;
	if (t->parent == id)
		t->parent = 0;
	t->main = task == main_task;
	t->state = state_of(r, task);
	read_cancel(r, t, status);
	py_chain_add(x, id);
	if (t->state == TASK_WAITING)
		read_wait(r, id);
}

/* The clock of trio is perf_counter() with an offset (_core/_run.py, SystemClock). */
static void read_clock(struct runner *r)
{
	uint64_t clock = py_attr_or_0(r->x, r->addr, "clock");
	double offset;

	r->clock_now = NAN;
	if (py_is(r->x->py->objs, clock, "SystemClock") &&
	    py_attr_float(r->x, clock, "offset", &offset))
		r->clock_now = r->x->now_s + offset;
}

/* Without a deadline a run sleeps a day at most (_core/_run.py, _MAX_TIMEOUT). */
static bool has_deadline(const struct runner *r)
{
	const struct model *m = r->x->m;

	for (uint32_t i = m->scopes.count; i-- > 0;)
		if (m->scopes.at[i].actor == r->x->actor && m->scopes.at[i].deadline_ms >= 0)
			return true;
	return false;
}

static void read_runner(struct runner *r)
{
	struct py_tasks *x = r->x;
	uint64_t set = py_attr_or_0(x, r->addr, "tasks");
	uint64_t main_task = py_attr_or_0(x, r->addr, "main_task");
	uint32_t count = py_len(x->py->objs, set), first = x->m->tasks.count + 1;

	if (count > PY_TASKS_MAX) {
		count = PY_TASKS_MAX;
		x->cut = true;
	}
	_cleanup_free_ uint64_t *tasks = xcalloc(count + 1, sizeof(*tasks));

	read_clock(r);
	count = py_items(x->py->objs, set, tasks, count);
	for (uint32_t i = 0; i < count; i++)
		if (!map_find(&x->tasks, tasks[i], NULL) && !add_task(r, tasks[i]))
			x->cut = true;
	for (uint32_t id = first; id <= x->m->tasks.count; id++)
		link_task(r, id, main_task);
	if (r->thread && isfinite(r->clock_now) && !has_deadline(r))
		*vec_push(&x->m->idle_loops) = r->thread;
}

void py_trio_read(struct py_tasks *x)
{
	struct py *py = x->py;
	uint64_t module;

	/* most programs have none */
	if (!py_dict_get(py->objs, py->interpreters[x->interpreter].modules, "trio._core._run",
			 &module))
		return;
	for (uint32_t i = 0; i < py->thread_count; i++) {
		const char *cut;
		struct runner r = { .x = x };

		if (py->threads[i].interpreter != x->interpreter)
			continue;
		x->frame_count = py_frames(py, py->threads[i].frame, x->frames, PY_CHAIN_MAX, &cut);
		for (uint32_t k = 0; k < x->frame_count && !r.addr; k++) {
			const char *name = strtab_get(py_strings(py->objs), x->frames[k].name);

			if (!name || strcmp(name, "run") != 0)
				continue;
			r.addr = py_chain_local(x, &x->frames[k], "runner");
			if (!py_is(py->objs, r.addr, "Runner"))
				r.addr = 0;
		}
		r.thread = py_thread_id(x, &py->threads[i]);
		if (r.addr)
			read_runner(&r);
	}
}
