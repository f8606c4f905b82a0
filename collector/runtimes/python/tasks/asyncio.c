/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * asyncio.c - the tasks of asyncio, 3.9 to 3.15.
 *
 * Until 3.13 all tasks are in the sets of asyncio.tasks; from 3.14 on in linked lists of C, whose
 * places _asyncio tells in its section .AsyncioDebug (Modules/_asynciomodule.c). What a task waits
 * for is its future, and, where that says nothing, the frames of asyncio's own functions.
 */
#include "runtimes/python/tasks/asyncio.h"

#include <math.h>
#include <string.h>

/* Offsets in TaskObj and FutureObj, Modules/_asynciomodule.c; cancels 0: it does not count them. */
static const struct layout {
	uint16_t state, waiter, coro, name, cancels;
} layouts[] = {
	[9] = { 80, 144, 152, 160, 0 },	    [10] = { 88, 152, 160, 168, 0 },
	[11] = { 88, 128, 136, 144, 168 },  [12] = { 88, 128, 136, 144, 168 },
	[13] = { 96, 112, 120, 128, 104 },  [14] = { 104, 120, 128, 136, 112 },
	[15] = { 104, 120, 128, 136, 112 },
};

enum { LOOP = 16, STATE_DONE_MAX = 2, METHOD_SELF = 24, TIMERS_MAX = 1 << 14, LIST_MAX = 4096 };

static const struct layout *layout_of(const struct py_tasks *x)
{
	return x->py->minor < sizeof(layouts) / sizeof(*layouts) ? &layouts[x->py->minor] : NULL;
}

/* ---- futures and tasks ----------------------------------------------------------------------- */

/* Where its attributes are if it is of the C type, or NULL. */
static const struct layout *native(struct py_tasks *x, uint64_t task)
{
	const struct layout *l = layout_of(x);
	struct py_gen gen;

	if (x->asked != task)
		x->native = l && l->coro &&
			    py_gen_open(x->py, py_ref(x->py->objs, task + l->coro), &gen);
	x->asked = task;
	return x->native ? l : NULL;
}

/* The attribute at that offset; 0: that has no offset, by its name. */
static uint64_t attr_of(struct py_tasks *x, uint64_t task, uint16_t at, const char *name)
{
	return at ? py_ref(x->py->objs, task + at) : py_attr_or_0(x, task, name);
}

static uint64_t coro_of(struct py_tasks *x, uint64_t task)
{
	const struct layout *l = native(x, task);

	return attr_of(x, task, l ? l->coro : 0, "_coro");
}

static uint64_t loop_of(struct py_tasks *x, uint64_t task)
{
	return attr_of(x, task, native(x, task) ? LOOP : 0, "_loop");
}

/* The future that a task waits for; 0: none, its turn will come. */
static uint64_t waiter_of(struct py_tasks *x, uint64_t task)
{
	const struct layout *l = native(x, task);
	uint64_t waiter = attr_of(x, task, l ? l->waiter : 0, "_fut_waiter");

	return waiter && !py_is_none(x->py->objs, waiter) ? waiter : 0;
}

static bool is_task(struct py_tasks *x, uint64_t obj)
{
	return obj && py_derives(x->py->objs, obj, "Task");
}

/* Has the future an outcome? False for what is none. */
bool py_future_done(struct py_tasks *x, uint64_t future)
{
	const struct layout *l = layout_of(x);
	bool of_c = is_task(x, future) && native(x, future);
	uint64_t state = of_c ? 0 : py_attr_or_0(x, future, "_state");
	uint32_t number;

	/* of the Python class: PENDING, CANCELLED, FINISHED */
	if (state)
		return !py_str_is(x->py->objs, state, "PENDING");
	if (!l || !(of_c || py_derives(x->py->objs, future, "Future")))
		return is_task(x, future) && x->state == PY_GEN_DONE;
	number = py_mem_u32(x->py->mem, future + l->state);
	return number && number <= STATE_DONE_MAX;
}

/* Its name; from 3.12 on a number when nobody gave one. */
static uint32_t name_of(struct py_tasks *x, uint64_t task)
{
	const struct layout *l = native(x, task);
	uint64_t name = attr_of(x, task, l ? l->name : 0, "_name");
	int64_t number;

	if (name && py_int(x->py->objs, name, &number))
		return strtab_addf(x->m->strings, "Task-%lld", (long long)number);
	return name ? py_model_str(x, name) : 0;
}

/*
 * Is the interpreter whose turn it is the one that runs it? Until 3.11 the sets of the first one
 * have the tasks of all (Modules/_asynciomodule.c: static variables).
 */
static bool is_at_home(struct py_tasks *x, uint64_t task)
{
	return map_get(&x->homes, loop_of(x, task), x->listed) == x->interpreter;
}

static void add_task(struct py_tasks *x, uint64_t task)
{
	uint32_t id;

	if (!is_task(x, task) || !is_at_home(x, task) || map_find(&x->tasks, task, NULL) ||
	    py_future_done(x, task))
		return;
	id = model_add_task(x->m, x->actor, task);
	if (!id) {
		x->cut = true;
		return;
	}
	map_put(&x->tasks, task, id);
	model_task(x->m, id)->runtime = x->runtime;
	model_task(x->m, id)->name = name_of(x, task);
}

/* ---- where they are -------------------------------------------------------------------------- */

/* A set of tasks, or a WeakSet, which keeps weak references in its attribute `data`. */
static void list_set(struct py_tasks *x, const char *name)
{
	uint64_t set;
	bool weak;
	uint32_t count;

	if (!py_module_get(x->py, x->listed, "asyncio.tasks", name, &set))
		return;
	weak = py_is(x->py->objs, set, "WeakSet");
	if (weak)
		set = py_attr_or_0(x, set, "data");
	count = py_len(x->py->objs, set);
	if (count > PY_TASKS_MAX) {
		count = PY_TASKS_MAX;
		x->cut = true;
	}
	_cleanup_free_ uint64_t *items = xcalloc(count + 1, sizeof(*items));

	count = py_items(x->py->objs, set, items, count);
	for (uint32_t i = 0; i < count; i++)
		add_task(x, weak ? py_deref(x->py->objs, items[i]) : items[i]);
}

/* Words of struct _Py_AsyncioModuleDebugOffsets that are used. */
enum {
	DEBUG_NODE = 6,
	DEBUG_INTERPRETER_HEAD = 8,
	DEBUG_THREAD_HEAD = 12,
	DEBUG_WORDS = 13,
	STRUCT_MAX = 1 << 20,
};

/* One circular list; an element is `node` before its node. */
static void list_circle(struct py_tasks *x, uint64_t head, uint64_t node)
{
	_cleanup_map_ struct map seen = MAP_INIT;
	uint64_t at = py_mem_u64(x->py->mem, head);

	for (uint32_t i = 0; at && at != head; i++, at = py_mem_u64(x->py->mem, at)) {
		if (i >= PY_TASKS_MAX || map_find(&seen, at, NULL)) {
			x->cut = true;
			return;
		}
		map_put(&seen, at, 1);
		add_task(x, at - node);
	}
}

static bool find_debug(struct py_tasks *x, uint64_t words[DEBUG_WORDS])
{
	const struct maps *maps = runtime_maps(x->site);

	for (uint32_t i = 0; maps && i < maps->count; i++) {
		const struct map_area *area = &maps->areas[i];
		const char *path = strtab_get(maps->strings, area->path);
		const struct elf_section *s;
		const struct code_file *f;
		uint64_t addr;

		if (!area->ino || !area->exec || !path ||
		    !(strstr(path, "/_asyncio.") || strstr(path, "/libpython3.") ||
		      strstr(path, "/python3")))
			continue;
		f = runtime_file(x->site, area);
		s = f->elf ? elf_section(f->elf, ".AsyncioDebug", 0) : NULL;
		if (s && s->addr && elf_mapped_at(f->elf, area->offset, &addr))
			return py_mem_read(x->py->mem, s->addr + area->start - addr, words,
					   DEBUG_WORDS * sizeof(*words));
	}
	return false;
}

static void list_native(struct py_tasks *x)
{
	const struct py_interpreter *in = &x->py->interpreters[x->interpreter];
	uint64_t words[DEBUG_WORDS] = { 0 };

	if (x->py->minor < 14 || !find_debug(x, words) || words[DEBUG_NODE] > STRUCT_MAX ||
	    words[DEBUG_INTERPRETER_HEAD] > STRUCT_MAX || words[DEBUG_THREAD_HEAD] > STRUCT_MAX)
		return;
	for (uint32_t i = 0; i < x->py->thread_count; i++)
		if (x->py->threads[i].interpreter == x->interpreter)
			list_circle(x, x->py->threads[i].addr + words[DEBUG_THREAD_HEAD],
				    words[DEBUG_NODE]);
	list_circle(x, in->addr + words[DEBUG_INTERPRETER_HEAD], words[DEBUG_NODE]);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static int64_t left_ms(const struct py_tasks *x, uint64_t timer)
{
	struct py_tasks *y = (struct py_tasks *)x;
	double when;

	if (!py_attr_float(y, timer, "_when", &when) || !isfinite(when) || when - x->now_s > 1e9)
		return -1;
	return when < x->now_s ? 0 : (int64_t)((when - x->now_s) * 1e3);
}

/*
 * Timers of a loop: asyncio.sleep() sets a future, a Timeout cancels its task. The loop's clock is
 * CLOCK_MONOTONIC.
 */
static void read_timers(struct py_tasks *x, uint64_t loop)
{
	uint64_t list = py_attr_or_0(x, loop, "_scheduled");
	uint32_t count = py_len(x->py->objs, list);

	if (count > TIMERS_MAX)
		count = TIMERS_MAX;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t timer = py_item(x->py->objs, list, i), callback, args, self;
		int64_t left = left_ms(x, timer);

		if (left < 0 || left > INT32_MAX || py_attr_true(x, timer, "_cancelled"))
			continue;
		args = py_attr_or_0(x, timer, "_args");
		if (py_len(x->py->objs, args))
			map_put(&x->deadlines, py_item(x->py->objs, args, 0), (uint32_t)left + 1);
		callback = py_attr_or_0(x, timer, "_callback");
		self = py_is(x->py->objs, callback, "method") ?
			       py_ref(x->py->objs, callback + METHOD_SELF) :
			       0;
		if (py_is(x->py->objs, self, "Timeout"))
			map_put(&x->deadlines, py_attr_or_0(x, self, "_task"), (uint32_t)left + 1);
	}
}

/*
 * loop.add_signal_handler(): callbacks by number, Lib/asyncio/unix_events.py. They run in the loop
 * and may end any wait of its tasks.
 */
static void read_handlers(struct py_tasks *x, uint64_t loop, uint32_t thread)
{
	enum { SIGNALS = 64 };
	uint64_t dict = py_attr_or_0(x, loop, "_signal_handlers");
	struct py_pair pairs[SIGNALS];
	uint32_t count = dict && thread ? py_dict_pairs(x->py->objs, dict, pairs, SIGNALS) : 0;
	struct handled handled = { .actor = x->actor, .thread = thread };
	int64_t number;

	for (uint32_t i = 0; i < count; i++)
		if (py_int(x->py->objs, pairs[i].key, &number) && number > 0 && number <= SIGNALS)
			handled.signals |= 1ull << (number - 1);
	if (handled.signals)
		*vec_push(&x->m->handled) = handled;
}

/* Which thread runs a loop, and for which task, is in its frames. */
static void read_loop(struct py_tasks *x, const struct py_thread *t)
{
	const char *cut;
	uint64_t loop, future;

	x->frame_count = py_frames(x->py, t->frame, x->frames, PY_CHAIN_MAX, &cut);
	for (uint32_t i = 0; i < x->frame_count; i++) {
		const struct py_frame *f = &x->frames[i];
		const char *name = strtab_get(py_strings(x->py->objs), f->name);

		if (!name || strncmp(name, "run_", 4) != 0)
			continue;
		loop = py_chain_local(x, f, "self");
		if (!strcmp(name, "run_forever") && loop && !map_find(&x->loops, loop, NULL)) {
			map_put(&x->loops, loop, py_thread_id(x, t));
			map_put(&x->homes, loop, t->interpreter);
			read_timers(x, loop);
			read_handlers(x, loop, py_thread_id(x, t));
		}
		future = py_chain_local(x, f, "future");
		if (!strcmp(name, "run_until_complete") && is_task(x, future))
			map_put(&x->mains, future, 1);
	}
}

static void read_loops(struct py_tasks *x)
{
	for (uint32_t i = 0; !x->loops_read && i < x->py->thread_count; i++)
		read_loop(x, &x->py->threads[i]);
	x->loops_read = true;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static uint8_t state_of(const struct py_tasks *x, uint64_t waiter)
{
	switch (x->state) {
	case PY_GEN_RUNNING:
		return TASK_RUNNING;
	case PY_GEN_CREATED:
		return TASK_NEW;
	case PY_GEN_DONE:
		return TASK_DONE;
	default:
		return waiter ? TASK_WAITING : TASK_RUNNABLE;
	}
}

/* How often it was asked to end, -1: that is not counted. */
static int64_t cancels_of(struct py_tasks *x, uint64_t task)
{
	const struct layout *l = native(x, task);

	if (!l)
		return py_attr_int(x, task, "_num_cancels_requested", -1);
	return l->cancels ? (int32_t)py_mem_u32(x->py->mem, task + l->cancels) : -1;
}

/* A task that is asked to end asks first whom it awaits: has that one been asked? */
static bool is_passed_on(struct py_tasks *x, uint64_t waiter)
{
	return py_attr_true(x, waiter, "_cancel_requested") ||
	       (is_task(x, waiter) && cancels_of(x, waiter) > 0);
}

/*
 * A cancel that was asked for and after which it waits again has been told to it, unless it is
 * held up by whom it awaits; that cannot be told from one who awaits another that was asked to end.
 */
static void read_cancel(struct py_tasks *x, struct task *t, uint64_t waiter)
{
	int64_t count = cancels_of(x, t->address);

	if (count < 0)
		return;
	t->requested = count ? TOLD_YES : TOLD_NO;
	t->shielded = TOLD_NO;
	if (!count)
		t->delivered = TOLD_NO;
	else if (t->state == TASK_WAITING && waiter && !is_passed_on(x, waiter))
		t->delivered = py_future_done(x, waiter) ? TOLD_NO : TOLD_YES;
}

static void link_task(struct py_tasks *x, uint32_t id)
{
	uint64_t task = model_task(x->m, id)->address, waiter = waiter_of(x, task);
	struct task *t = model_task(x->m, id);

	py_chain_read(x, coro_of(x, task));
	t->state = state_of(x, waiter);
	t->thread = map_get(&x->loops, loop_of(x, task), 0);
	t->main = map_find(&x->mains, task, NULL);
	read_cancel(x, t, waiter);
	py_chain_add(x, id);
	if (t->state == TASK_WAITING)
		py_asyncio_wait(x, id, waiter);
}

/* What the lists of one interpreter have. */
static void list_all(struct py_tasks *x, uint32_t interpreter)
{
	x->listed = interpreter;
	list_set(x, "_all_tasks");
	list_set(x, "_scheduled_tasks");
	list_set(x, "_eager_tasks");
}

void py_asyncio_read(struct py_tasks *x)
{
	struct py *py = x->py;
	uint32_t first = x->m->tasks.count + 1;
	uint64_t module;

	if (!layout_of(x) || !layout_of(x)->coro ||
	    !py_dict_get(py->objs, py->interpreters[x->interpreter].modules, "asyncio.tasks",
			 &module))
		return;
	read_loops(x);
	list_all(x, x->interpreter);
	list_native(x);
	for (uint32_t i = 0; py->minor < 12 && i < py->interpreter_count; i++)
		if (i != x->interpreter)
			list_all(x, i);
	for (uint32_t id = first; id <= x->m->tasks.count; id++)
		link_task(x, id);
}
