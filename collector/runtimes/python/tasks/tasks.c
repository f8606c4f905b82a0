/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/tasks/inside.h"

#include "runtimes/python/values/py_fill.h"

#include <string.h>
#include <time.h>

static void tasks_free(struct py_tasks *x)
{
	map_release(&x->tids);
	map_release(&x->strings);
	map_release(&x->tasks);
	map_release(&x->nurseries);
	map_release(&x->scopes);
	map_release(&x->deadlines);
	map_release(&x->jobs);
	map_release(&x->loops);
	map_release(&x->homes);
	map_release(&x->mains);
	free(x);
}

/* ---- strings and attributes ------------------------------------------------------------------ */

static uint32_t model_string(struct py_tasks *x, uint32_t id)
{
	uint32_t mine;

	if (!id || map_find(&x->strings, id, &mine))
		return id ? mine : 0;
	mine = strtab_add(x->m->strings, strtab_get(py_strings(x->py->objs), id));
	map_put(&x->strings, id, mine);
	return mine;
}

uint32_t py_model_str(struct py_tasks *x, uint64_t obj)
{
	return model_string(x, py_str(x->py->objs, obj));
}

uint64_t py_attr_or_0(struct py_tasks *x, uint64_t obj, const char *name)
{
	return py_attr_value(x->py->objs, obj, name);
}

int64_t py_attr_int(struct py_tasks *x, uint64_t obj, const char *name, int64_t none)
{
	return py_attr_number(x->py->objs, obj, name, none);
}

bool py_attr_float(struct py_tasks *x, uint64_t obj, const char *name, double *value)
{
	uint64_t attr = py_attr_or_0(x, obj, name);
	int64_t number;

	if (attr && py_float(x->py->objs, attr, value))
		return true;
	if (!attr || !py_int(x->py->objs, attr, &number))
		return false;
	*value = (double)number;
	return true;
}

bool py_attr_true(struct py_tasks *x, uint64_t obj, const char *name)
{
	uint64_t attr = py_attr_or_0(x, obj, name);
	bool value;

	return attr && py_bool(x->py->objs, attr, &value) && value;
}

uint32_t py_thread_id(const struct py_tasks *x, const struct py_thread *t)
{
	return t->ns_tid ? map_get(&x->tids, (uint32_t)t->ns_tid, 0) : 0;
}

/* ---- chains of coroutines -------------------------------------------------------------------- */

/* What stands between a coroutine and what it truly awaits, with that at +16. */
static bool is_wrapper(struct py_tasks *x, uint64_t obj)
{
	static const char *const names[] = { "async_generator_asend", "async_generator_athrow",
					     "coroutine_wrapper", "anext_awaitable", "FutureIter" };
	enum { COUNT = sizeof(names) / sizeof(*names) };

	for (size_t i = 0; i < COUNT; i++)
		if (py_is(x->py->objs, obj, names[i]))
			return true;
	return false;
}

void py_chain_read(struct py_tasks *x, uint64_t coro)
{
	struct py *py = x->py;
	uint64_t at = coro;

	x->frame_count = 0;
	x->leaf = 0;
	x->state = PY_GEN_UNKNOWN;
	for (uint32_t step = 0; at && step < 2 * PY_CHAIN_MAX; step++) {
		struct py_gen gen;

		if (!py_gen_open(py, at, &gen)) {
			if (!is_wrapper(x, at)) {
				x->leaf = at;
				return;
			}
			at = py_ref(py->objs, at + 16);
			continue;
		}
		if (!step)
			x->state = gen.state;
		if (!gen.frame || x->frame_count == PY_CHAIN_MAX ||
		    !py_frame_at(py, gen.frame, &x->frames[x->frame_count]))
			return;
		x->gens[x->frame_count++] = at;
		/* before 3.13 a yield looks like an await */
		if (gen.state != PY_GEN_AWAITING &&
		    !(gen.state == PY_GEN_SUSPENDED && py->minor < 13))
			return;
		at = py_frame_top(py, gen.frame);
	}
}

void py_chain_add(struct py_tasks *x, uint32_t task)
{
	for (uint32_t i = x->frame_count; i-- > 0;) {
		const struct py_frame *f = &x->frames[i];
		struct task_frame frame = {
			.function = model_string(x, f->qualname ? f->qualname : f->name),
			.file = model_string(x, f->file),
			.line = f->line,
			.kind = f->kind,
		};

		py_fill_locals(x->site, x->py, f, &frame.locals);
		if (!model_add_task_frame(x->m, task, frame))
			return;
		py_fill_gen_exception(x->site, x->py, x->gens[i], task);
	}
}

const struct py_frame *py_chain_find(const struct py_tasks *x, const char *file,
				     const char *function)
{
	for (uint32_t i = x->frame_count; i-- > 0;)
		if (py_frame_is(x->py, &x->frames[i], file, function))
			return &x->frames[i];
	return NULL;
}

bool py_chain_at(const struct py_tasks *x, uint32_t depth, const char *file, const char *function)
{
	return depth < x->frame_count &&
	       py_frame_is(x->py, &x->frames[x->frame_count - 1 - depth], file, function);
}

uint64_t py_chain_local(struct py_tasks *x, const struct py_frame *f, const char *name)
{
	return f ? py_frame_value(x->py, f, name) : 0;
}

/* ---- all together ---------------------------------------------------------------------------- */

static void index_threads(struct py_tasks *x)
{
	const struct runtime_site *site = x->site;

	for (uint32_t i = 0; i < site->process->task_count; i++) {
		const struct snap_task *t = &site->snap->tasks.at[site->process->first_task + i];
		uint32_t id = model_find_tid(x->m, t->tid);

		if (id)
			map_put(&x->tids, (uint32_t)(t->ns_tid ? t->ns_tid : t->tid), id);
	}
}

/* The main interpreter is the process itself, the others are actors in the same order. */
static uint32_t actor_of(const struct py_tasks *x, uint32_t interpreter)
{
	const struct model *m = x->m;

	for (uint32_t id = x->site->actor; interpreter && id <= m->actors.count; id++) {
		const struct actor *a = model_actor(m, id);

		if (a->kind == ACTOR_INTERPRETER && a->parent == x->site->actor && !--interpreter)
			return id;
	}
	return x->site->actor;
}

void py_tasks_read(struct runtime_site *site, struct py *py)
{
	struct py_tasks *x = xcalloc(1, sizeof(*x));
	struct timespec now;

	x->site = site;
	x->py = py;
	x->m = site->model;
	clock_gettime(CLOCK_MONOTONIC, &now);
	x->now_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
	index_threads(x);
	for (x->interpreter = 0; x->interpreter < py->interpreter_count; x->interpreter++) {
		if (py->interpreters[x->interpreter].unknown)
			continue;
		x->actor = actor_of(x, x->interpreter);
		x->runtime = strtab_add(x->m->strings, "asyncio");
		py_asyncio_read(x);
		x->runtime = strtab_add(x->m->strings, "trio");
		py_trio_read(x);
	}
	if (x->cut)
		model_add_missing(x->m, "there are more Python tasks than are read");
	tasks_free(x);
}
