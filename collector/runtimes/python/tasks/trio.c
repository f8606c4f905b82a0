/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trio.c - the tasks of trio 0.19 and later.
 *
 * A Runner is a local variable of trio.run() on the stack of its thread; one that is a guest in
 * another loop is on no stack, but in the variables of its thread (_core/_run_context.py). Runner,
 * Task, CancelScope and CancelStatus are classes with slots, Nursery has a dict; all are read by
 * name (trio, _core/_run.py). What a task waits for is in the frames of trio's own functions at the
 * end of its chain of awaits.
 */
#include "runtimes/python/tasks/inside.h"

#include <math.h>
#include <string.h>

enum {
	STATUS_MAX = 64,
	RUNNERS_MAX = 1024,
	LOCALS_MAX = 256,  /* of a thread */
	STATE_WORDS = 128, /* of a PyThreadState */
	/* localobject.dummies, Modules/_threadmodule.c: a dict whose values are those of threads */
	LOCAL_DICTS_312 = 48,
	LOCAL_DICTS = 40,
};

/* One Runner. */
struct runner {
	struct py_tasks *x;
	uint64_t addr;
	uint32_t thread;  /* that runs its tasks */
	uint32_t poller;  /* that waits for its events; 0 none */
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
	if (r->poller && isfinite(r->clock_now) && !has_deadline(r))
		*vec_push(&x->m->idle_loops) = r->poller;
}

/* ---- where runs are -------------------------------------------------------------------------- */

static bool is_read(struct py_tasks *x, uint64_t runner)
{
	uint64_t task = py_attr_or_0(x, runner, "init_task");

	return !task || map_find(&x->tasks, task, NULL);
}

/* trio.run() on the stack of a thread. */
static void read_stack(struct py_tasks *x, const struct py_thread *t)
{
	struct runner r = { .x = x };
	const char *cut;

	x->frame_count = py_frames(x->py, t->frame, x->frames, PY_CHAIN_MAX, &cut);
	for (uint32_t k = 0; k < x->frame_count && !r.addr; k++) {
		const char *name = strtab_get(py_strings(x->py->objs), x->frames[k].name);

		if (!name || strcmp(name, "run") != 0)
			continue;
		r.addr = py_chain_local(x, &x->frames[k], "runner");
		if (!py_is(x->py->objs, r.addr, "Runner"))
			r.addr = 0;
	}
	r.thread = r.poller = py_thread_id(x, t);
	if (r.addr)
		read_runner(&r);
}

/* The thread that waits for events in place of the one whose loop a run is a guest of. */
static uint32_t poller_of(struct py_tasks *x, uint64_t runner)
{
	uint64_t manager = py_attr_or_0(x, runner, "io_manager");
	const char *cut;

	for (uint32_t i = 0; manager && i < x->py->thread_count; i++) {
		const struct py_thread *t = &x->py->threads[i];

		x->frame_count = py_frames(x->py, t->frame, x->frames, PY_CHAIN_MAX, &cut);
		for (uint32_t k = 0; k < x->frame_count; k++) {
			const struct py_frame *f = &x->frames[k];

			if (py_frame_is(x->py, f, "trio/_core/_io_epoll.py", "get_events") &&
			    py_chain_local(x, f, "self") == manager)
				return py_thread_id(x, t);
		}
	}
	return 0;
}

/* Until 3.12 the dict of a thread has the object to which the key refers. */
static bool has_dummy(struct py_tasks *x, const struct py_thread *t, uint64_t dummy)
{
	struct py_objs *p = x->py->objs;
	struct py_pair pairs[LOCALS_MAX];
	uint64_t dict = py_ref(p, t->addr + py_layout(p)->ts_dict);
	uint32_t count = py_dict_pairs(p, dict, pairs, LOCALS_MAX);

	for (uint32_t i = 0; dummy && i < count; i++)
		if (pairs[i].value == dummy)
			return true;
	return false;
}

/* From 3.13 on the key is in the state itself, as threading_local_key, at no place that is told. */
static bool has_key(struct py_tasks *x, const struct py_thread *t, uint64_t key)
{
	for (uint32_t i = 0; i < STATE_WORDS; i++)
		if (py_mem_u64(x->py->mem, t->addr + i * 8) == key)
			return true;
	return false;
}

/*
 * The thread for which a dict of a threading.local is: the key stands for it
 * (Modules/_threadmodule.c).
 */
static uint32_t thread_of(struct py_tasks *x, uint64_t key)
{
	for (uint32_t i = 0; key && i < x->py->thread_count; i++) {
		const struct py_thread *t = &x->py->threads[i];

		if (t->interpreter == x->interpreter &&
		    (x->py->minor < 13 ? has_dummy(x, t, py_deref(x->py->objs, key)) :
					 has_key(x, t, key)))
			return py_thread_id(x, t);
	}
	return 0;
}

/* Runs that are guests: in the variable of each thread. */
static void read_guests(struct py_tasks *x)
{
	struct py_objs *p = x->py->objs;
	uint64_t context, runner;
	uint32_t count;

	if (!py_module_get(x->py, x->interpreter, "trio._core._run", "GLOBAL_RUN_CONTEXT",
			   &context))
		return;
	context = py_ref(p, context + (x->py->minor < 13 ? LOCAL_DICTS_312 : LOCAL_DICTS));
	count = py_len(p, context);
	if (count > RUNNERS_MAX)
		count = RUNNERS_MAX;
	_cleanup_free_ struct py_pair *pairs = xcalloc(count + 1, sizeof(*pairs));

	count = py_dict_pairs(p, context, pairs, count);
	for (uint32_t i = 0; i < count; i++) {
		struct runner r = { .x = x };

		if (!py_dict_get(p, pairs[i].value, "runner", &runner) ||
		    !py_is(p, runner, "Runner") || is_read(x, runner))
			continue;
		r.addr = runner;
		r.thread = thread_of(x, pairs[i].key);
		r.poller = poller_of(x, runner);
		read_runner(&r);
	}
}

void py_trio_read(struct py_tasks *x)
{
	struct py *py = x->py;
	uint64_t module;

	/* most programs have none */
	if (!py_dict_get(py->objs, py->interpreters[x->interpreter].modules, "trio._core._run",
			 &module))
		return;
	for (uint32_t i = 0; i < py->thread_count; i++)
		if (py->threads[i].interpreter == x->interpreter)
			read_stack(x, &py->threads[i]);
	read_guests(x);
}
