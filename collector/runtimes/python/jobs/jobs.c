/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/jobs/jobs.h"

#include "model/frames.h"
#include "runtimes/python/jobs/job.h"
#include "runtimes/python/jobs/kinds.h"
#include "runtimes/python/py_spawn.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Build code: the table of kinds. */
#define DECLARE(name) extern const struct py_job_kind py_job_##name;
PY_JOBS(DECLARE)
#define ADDRESS(name) &py_job_##name,
static const struct py_job_kind *const kinds[] = { PY_JOBS(ADDRESS) };
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

/* ---- for kinds ------------------------------------------------------------------------------- */

void py_job_says(struct py_job *x, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	model_thread(x->m, x->thread)->script.work = strtab_addv(x->m->strings, fmt, args);
	va_end(args);
}

static const char *text_of(const struct py_job *x, uint32_t string)
{
	const char *text = string ? strtab_get(py_strings(x->py->objs), string) : NULL;

	return text ? text : "";
}

const char *py_job_function(const struct py_job *x, const struct py_frame *f)
{
	return text_of(x, f->qualname ? f->qualname : f->name);
}

bool py_job_is_in(const struct py_job *x, const struct py_frame *f, const char *file,
		  const char *function)
{
	return py_frame_is(x->py, f, file, function);
}

uint64_t py_job_local(struct py_job *x, const struct py_frame *f, const char *name)
{
	return py_frame_value(x->py, f, name);
}

bool py_job_number(struct py_job *x, const struct py_frame *f, const char *name, int64_t *value)
{
	uint64_t obj = py_job_local(x, f, name);

	return obj && py_int(x->py->objs, obj, value);
}

uint64_t py_job_attr(struct py_job *x, uint64_t obj, const char *name)
{
	return py_attr_value(x->py->objs, obj, name);
}

void py_job_add_worker(struct py_job *x, uint64_t process)
{
	uint64_t pid = py_job_attr(x, process, "pid");
	int64_t number;
	uint32_t actor;

	/* a Process has it from its Popen */
	if (!pid)
		pid = py_job_attr(x, py_job_attr(x, process, "_popen"), "pid");
	if (!pid || !py_int(x->py->objs, pid, &number))
		return;
	actor = py_spawn_child(x->site, number);
	if (actor)
		*vec_push(&x->workers) = actor;
}

void py_job_expect(struct py_job *x, struct expect expect)
{
	expect.thread = x->thread;
	model_add_expect(x->m, expect, x->workers.at, x->workers.count);
	x->workers.count = 0;
}

/* The frame of a thread that is meant; UINT32_MAX: none of its. */
static uint32_t search_frames(struct py_job *x, const struct py_job_search *s, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct py_frame *f = &x->others[i];

		if (py_job_is_in(x, f, s->file, s->function) &&
		    (!s->value || py_job_local(x, f, s->name) == s->value))
			return i;
	}
	return UINT32_MAX;
}

uint32_t py_job_find_thread(struct py_job *x, const struct py_job_search *search, uint32_t *at)
{
	uint32_t before = 0;
	const char *cut;

	for (uint32_t i = 0; i < x->py->thread_count; i++) {
		const struct py_thread *t = &x->py->threads[i];
		uint32_t thread =
			t->ns_tid && t->frame ? map_get(&x->tids, (uint32_t)t->ns_tid, 0) : 0;

		if (!thread || t->interpreter != x->interpreter)
			continue;
		*at = search_frames(x, search,
				    py_frames(x->py, t->frame, x->others, PY_FRAMES_MAX, &cut));
		if (*at != UINT32_MAX && before++ == search->nth)
			return thread;
	}
	return 0;
}

struct py_job_call py_job_call(const struct py_job *x, const char *file)
{
	struct py_job_call call = { .text = "" };

	for (uint32_t i = x->depth; i-- > 0;) {
		const struct py_frame *f = &x->frames[i];
		const char *path = text_of(x, f->file), *slash = strrchr(path, '/');

		if (py_frame_is(x->py, f, file, NULL))
			continue;
		snprintf(call.text, sizeof(call.text), " (%.60s, %.60s:%u)", py_job_function(x, f),
			 slash ? slash + 1 : path, f->line);
		break;
	}
	return call;
}

/* ---- threads --------------------------------------------------------------------------------- */

static const struct py_job_place *place_of(const char *function, const char *path)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		const struct py_job_place *place = kinds[i]->places;

		for (; place->file; place++)
			if (!strcmp(function, place->function) && py_path_ends(path, place->file))
				return place;
	}
	return NULL;
}

/* Is there any such call among those that the model has? Most threads have none. */
static bool may_work(const struct py_job *x)
{
	uint32_t count;
	const struct script_frame *f = model_script_frames(x->m, x->thread, &count);

	for (uint32_t i = 0; i < count; i++)
		if (place_of(model_str(x->m, f[i].function), model_str(x->m, f[i].file)))
			return true;
	return false;
}

static void read_thread(struct py_job *x, const struct py_thread *t)
{
	const char *cut;

	x->frame_count = py_frames(x->py, t->frame, x->frames, PY_FRAMES_MAX, &cut);
	for (uint32_t i = x->frame_count; i-- > 0;) {
		const struct py_frame *f = &x->frames[i];
		const struct py_job_place *place =
			place_of(text_of(x, f->name), text_of(x, f->file));

		x->depth = i;
		if (place)
			place->read(x, f);
	}
}

static void index_threads(struct runtime_site *site, struct map *tids)
{
	for (uint32_t i = 0; i < site->process->task_count; i++) {
		const struct snap_task *t = &site->snap->tasks.at[site->process->first_task + i];
		uint32_t id = model_find_tid(site->model, t->tid);

		if (id)
			map_put(tids, (uint32_t)(t->ns_tid ? t->ns_tid : t->tid), id);
	}
}

static void job_free(struct py_job *x)
{
	map_release(&x->tids);
	vec_release(&x->workers);
	free(x);
}

void py_jobs_read(struct runtime_site *site, struct py *py)
{
	struct py_job *x = xcalloc(1, sizeof(*x));

	index_threads(site, &x->tids);
	x->site = site;
	x->py = py;
	x->m = site->model;
	for (uint32_t i = 0; i < py->thread_count; i++) {
		const struct py_thread *t = &py->threads[i];

		x->interpreter = t->interpreter;
		x->thread = t->ns_tid && t->frame ? map_get(&x->tids, (uint32_t)t->ns_tid, 0) : 0;
		if (x->thread && may_work(x))
			read_thread(x, t);
	}
	job_free(x);
}
