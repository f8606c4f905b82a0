/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpython.c - CPython 3.9 to 3.15: what the threads of a process run in Python, into the model.
 */
#include "model/frames.h"
#include "runtimes/python/jobs/jobs.h"
#include "runtimes/python/locks/locks.h"
#include "runtimes/python/locks/semlock.h"
#include "runtimes/python/py.h"
#include "runtimes/python/py_find.h"
#include "runtimes/python/py_spawn.h"
#include "runtimes/python/tasks/tasks.h"
#include "runtimes/python/values/py_fill.h"

#include <stdio.h>
#include <signal.h>
#include <string.h>

/* One process that is read. */
struct reading {
	struct runtime_site *site;
	struct py *py;
	struct py_mem *mem;
	struct map tids;    /* tid in its own pid namespace -> thread id of the model */
	struct map strings; /* string of py -> string of the model */
	bool named;	    /* it has a main thread and others: names are worth a search */
	struct py_frame frames[PY_FRAMES_MAX];
};

static void reading_free(struct reading *r)
{
	if (!r)
		return;
	map_release(&r->tids);
	map_release(&r->strings);
	py_free(r->py);
	py_mem_free(r->mem);
	free(r);
}
DEFINE_GUARD(reading)
#define _cleanup_reading_ _cleanup_(reading_free_guard)

static uint32_t string_of(struct reading *r, uint32_t id)
{
	uint32_t mine;

	if (!id || map_find(&r->strings, id, &mine))
		return id ? mine : 0;
	mine = strtab_add(r->site->model->strings, strtab_get(py_strings(r->py->objs), id));
	map_put(&r->strings, id, mine);
	return mine;
}

/* ---- what it is ------------------------------------------------------------------------------ */

/* "3.14.0rc2" of PY_VERSION_HEX, "3.10" when no more is known. */
static void write_version(uint32_t version, char *buf, size_t size)
{
	uint32_t minor = version >> 16 & 0xff, micro = version >> 8 & 0xff;
	uint32_t level = version >> 4 & 15, serial = version & 15;
	const char *word = level == 0xa ? "a" : level == 0xb ? "b" : level == 0xc ? "rc" : "";

	if (!(version & 0xffff))
		snprintf(buf, size, "3.%u", minor);
	else if (*word)
		snprintf(buf, size, "3.%u.%u%s%u", minor, micro, word, serial);
	else
		snprintf(buf, size, "3.%u.%u", minor, micro);
}

/* 3.9 and 3.10 tell their patch level in sys.hexversion only. */
static uint32_t whole_version(struct py *py, uint32_t version)
{
	uint64_t obj;
	int64_t hex;

	if (version & 0xffff || !py_module_get(py, 0, "sys", "hexversion", &obj) ||
	    !py_int(py->objs, obj, &hex) || hex >> 16 != version >> 16)
		return version;
	return (uint32_t)hex;
}

static void tell_runtime(struct runtime_site *site, uint32_t version)
{
	char text[32];

	write_version(version, text, sizeof(text));
	model_actor(site->model, site->actor)->runtime =
		strtab_addf(site->model->strings, "cpython %s", text);
	/* Modules/signalmodule.c: signal_install_handlers() */
	*vec_push(&site->model->handled) =
		(struct handled){ .actor = site->actor, .signals = 1ull << (SIGINT - 1) };
}

static void tell_unknown(struct runtime_site *site, const struct py_found *found, const char *why)
{
	char text[256], version[32];

	write_version(found->version, version, sizeof(version));
	if (found->minor)
		tell_runtime(site, found->version);
	snprintf(text, sizeof(text), "frames of Python %s in process %d: %s",
		 found->minor ? version : "of unknown version", site->process->tgid, why);
	model_add_missing(site->model, text);
}

/* ---- threads --------------------------------------------------------------------------------- */

static void index_threads(struct reading *r)
{
	const struct runtime_site *site = r->site;

	for (uint32_t i = 0; i < site->process->task_count; i++) {
		const struct snap_task *t = &site->snap->tasks.at[site->process->first_task + i];
		uint32_t id = model_find_tid(site->model, t->tid);

		if (id)
			map_put(&r->tids, (uint32_t)(t->ns_tid ? t->ns_tid : t->tid), id);
	}
}

/*
 * The thread on whose stack an address is, by where it stands in the kernel. 0: none, or unknown.
 */
static uint32_t thread_by_stack(const struct reading *r, uint64_t addr)
{
	const struct runtime_site *site = r->site;
	const struct maps *maps = addr ? runtime_maps(r->site) : NULL;
	const struct map_area *area = maps ? maps_find(maps, addr) : NULL;

	for (uint32_t i = 0; area && i < site->process->task_count; i++) {
		const struct snap_task *t = &site->snap->tasks.at[site->process->first_task + i];

		if (t->sp >= area->start && t->sp <= addr)
			return model_find_tid(site->model, t->tid);
	}
	return 0;
}

/*
 * Before 3.13 whoever runs code in a sub-interpreter borrows the thread state of the thread that
 * made it (Modules/_xxsubinterpretersmodule.c), so the state says nothing about who runs it. From
 * 3.11 on its _PyCFrame lies on the stack of the one that does.
 */
static uint32_t borrower_of(const struct reading *r, const struct py_thread *t)
{
	const struct py_offsets *off = py_layout(r->py->objs);

	if (off->cframe_current != PY_NONE)
		return thread_by_stack(r, py_mem_u64(r->py->mem, t->addr + off->ts_frame));
	return r->site->process->task_count == 1 && t->frame ?
		       model_find_tid(r->site->model, r->site->process->tgid) :
		       0;
}

static uint32_t thread_of(const struct reading *r, const struct py_thread *t)
{
	if (t->interpreter && r->py->minor < 13)
		return borrower_of(r, t);
	return t->ns_tid ? map_get(&r->tids, (uint32_t)t->ns_tid, 0) : 0;
}

/* Frames of a thread, those of the interpreter that it entered last first. */
static void add_frames(struct reading *r, uint32_t thread, const struct py_thread *t)
{
	struct model *m = r->site->model;
	const char *cut = NULL;
	uint32_t n = py_frames(r->py, t->frame, r->frames, PY_FRAMES_MAX, &cut);

	for (uint32_t i = 0; i < n; i++) {
		const struct py_frame *f = &r->frames[i];
		struct script_frame frame = {
			.function = string_of(r, f->name),
			.qualified = string_of(r, f->qualname),
			.file = string_of(r, f->file),
			.line = f->line,
			.entry = f->entry,
			.kind = f->kind,
		};

		py_fill_locals(r->site, r->py, f, &frame.locals);

		if (!model_add_script_frame(m, thread, frame)) {
			cut = "there are more frames than are kept";
			break;
		}
	}
	model_thread(m, thread)->script.runtime = strtab_add(m->strings, "python");
	if (cut)
		model_thread(m, thread)->script.why = strtab_add(m->strings, cut);
}

static void add_note(struct reading *r, uint32_t thread, const struct py_thread *t)
{
	struct model *m = r->site->model;
	const struct py_interpreter *in = &r->py->interpreters[t->interpreter];

	struct thread *th = model_thread(m, thread);

	if (!t->has_gil)
		return;
	th->script.gil = GIL_HELD;
	th->script.note = strtab_add(m->strings,
				     in->collecting ? "holds the GIL; garbage is being collected" :
						      "holds the GIL");
}

/*
 * All thread states of all interpreters. A thread that runs in several has entered the newer one
 * from the older.
 */
static void add_threads(struct reading *r)
{
	const struct py *py = r->py;
	_cleanup_map_ struct map done = MAP_INIT;

	for (uint32_t i = 0; i < py->thread_count; i++) {
		uint32_t thread = thread_of(r, &py->threads[i]);

		if (!thread || map_find(&done, thread, NULL))
			continue;
		map_put(&done, thread, 1);
		for (uint32_t k = py->thread_count; k-- > i;) {
			if (thread_of(r, &py->threads[k]) != thread)
				continue;
			add_frames(r, thread, &py->threads[k]);
			py_fill_thread_exceptions(r->site, r->py, &py->threads[k], thread);
			add_note(r, thread, &py->threads[k]);
		}
	}
}

/* Names that the program gave: threading._active, a dict from ident to Thread. */
static void add_titles(struct reading *r)
{
	struct py *py = r->py;
	uint64_t active, name;

	for (uint32_t i = 0; i < py->interpreter_count; i++) {
		uint32_t max, count;

		if (py->interpreters[i].unknown ||
		    !py_module_get(py, i, "threading", "_active", &active))
			continue;
		max = py_len(py->objs, active);
		_cleanup_free_ struct py_pair *pairs = xcalloc(max + 1, sizeof(*pairs));
		count = py_dict_pairs(py->objs, active, pairs, max);
		for (uint32_t k = 0; k < count; k++) {
			int64_t ident, at;
			uint32_t thread;

			if (!py_int(py->objs, pairs[k].key, &ident))
				continue;
			at = py_find_thread(py, i, (uint64_t)ident);
			thread = at >= 0 ? thread_of(r, &py->threads[at]) : 0;
			if (thread && py_attr(py->objs, pairs[k].value, "_name", &name))
				model_thread(r->site->model, thread)->script.title =
					string_of(r, py_str(py->objs, name));
		}
	}
}

/* ---- interpreters ---------------------------------------------------------------------------- */

/* The thread that runs in an interpreter, or that has entered it. Thread id, 0 none. */
static uint32_t host_of(const struct reading *r, uint32_t interpreter)
{
	uint32_t host = 0;

	for (uint32_t i = 0; i < r->py->thread_count; i++) {
		const struct py_thread *t = &r->py->threads[i];

		if (t->interpreter == interpreter && (!host || t->frame))
			host = thread_of(r, t);
	}
	return host;
}

/* Code of an interpreter that runs on a thread nobody can name is not on any stack of ours. */
static void note_borrowed(struct reading *r, uint32_t interpreter)
{
	const struct py *py = r->py;
	char text[160];

	for (uint32_t i = 0; i < py->thread_count; i++) {
		if (py->threads[i].interpreter != interpreter || !py->threads[i].frame)
			continue;
		snprintf(
			text, sizeof(text),
			"frames of interpreter %lld in process %d: Python 3.%u does not tell which "
			"thread runs them",
			(long long)py->interpreters[interpreter].id, r->site->process->tgid,
			py->minor);
		model_add_missing(r->site->model, text);
		return;
	}
}

/* The main one is the process itself; each other one is an actor in it. */
static void add_interpreters(struct reading *r)
{
	struct model *m = r->site->model;

	model_actor(m, r->site->actor)->collecting = r->py->interpreters[0].collecting;
	for (uint32_t i = 1; i < r->py->interpreter_count; i++) {
		const struct py_interpreter *in = &r->py->interpreters[i];
		uint32_t id = model_add_interpreter(m, r->site->actor, host_of(r, i));
		struct actor *a = model_actor(m, id);

		a->name = strtab_addf(m->strings, "interpreter %lld", (long long)in->id);
		if (!a->host_thread)
			note_borrowed(r, i);
		a->runtime = model_actor(m, r->site->actor)->runtime;
		a->collecting = in->collecting;
		a->spawn_evidence = strtab_addf(
			m->strings, "the list of interpreters in process %d has it%s",
			r->site->process->tgid,
			in->unknown ? "; it does not hang together, and may begin or end" : "");
	}
}

/* ---- all together ---------------------------------------------------------------------------- */

static int find_page(void *arg, uint64_t page, const uint8_t **ret)
{
	return runtime_page(arg, page, ret);
}

static struct py_mem *memory_of(struct runtime_site *site)
{
	if (site->pages)
		return py_mem_new(site->pages, site->pages_arg);
	return py_mem_borrow(find_page, site);
}

static bool read_cpython(struct runtime_site *site, void **kept)
{
	_cleanup_py_mem_ struct py_mem *mem = memory_of(site);
	_cleanup_reading_ struct reading *r = NULL;
	const char *why = NULL;
	struct py_found found;

	if (!py_find(site, mem, &found))
		return false;
	r = xcalloc(1, sizeof(*r));
	r->site = site;
	if (found.runtime)
		r->py = py_open(mem, found.runtime, found.minor, &why);
	if (!r->py) {
		tell_unknown(site, &found, found.runtime ? why : found.why);
		return true;
	}
	py_objs_use_hash(r->py->objs, found.secret);
	tell_runtime(site, whole_version(r->py, found.version));
	index_threads(r);
	add_threads(r);
	if (r->py->thread_count > 1)
		add_titles(r);
	add_interpreters(r);
	py_jobs_read(site, r->py);
	py_spawn_read(site, r->py);
	py_tasks_read(site, r->py);
	py_spawn_read_tasks(site);
	r->mem = steal(mem);
	*kept = steal(r);
	return true;
}

static void mark_gil_waiters(const struct reading *r)
{
	struct model *m = r->site->model;

	for (uint32_t i = 0; i < r->py->thread_count; i++) {
		uint32_t thread = thread_of(r, &r->py->threads[i]);
		struct thread *th = thread ? model_thread(m, thread) : NULL;

		if (th && th->wait && model_wait(m, th->wait)->kind == WAIT_GIL &&
		    th->script.gil != GIL_HELD)
			th->script.gil = GIL_WANTED;
	}
}

static void read_cpython_waits(void *kept)
{
	struct reading *r = kept;

	mark_gil_waiters(r);
	py_semlocks_read(r->site, r->py);
	py_locks_read(r->site, r->py);
}

static void release_cpython(void *kept)
{
	reading_free(kept);
}

const struct runtime runtime_cpython = {
	.name = "cpython",
	.read = read_cpython,
	.read_waits = read_cpython_waits,
	.release = release_cpython,
};
