/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"
#include "runtimes/python/py_codes.h"

#include <string.h>

enum {
	/*
	 * struct pthread.tid of glibc (nptl/descr.h), in all versions since 2.4; before 3.11 there
	 * is no other way from a thread state to its thread.
	 */
	PTHREAD_TID = 720,
};

/* While they are read. */
struct lists {
	VEC(struct py_interpreter) interpreters;
	VEC(struct py_thread) threads;
};

static uint64_t pointer(const struct py *py, uint64_t addr)
{
	uint64_t v = py_mem_u64(py->mem, addr);

	return v % 8 || v < PY_MEM_PAGE ? 0 : v;
}

static int32_t tid_of(const struct py *py, uint64_t tstate, uint64_t ident)
{
	const struct py_offsets *off = py_layout(py->objs);
	uint64_t tid;

	if (off->ts_native != PY_NONE)
		tid = py_mem_u64(py->mem, tstate + off->ts_native);
	else
		tid = ident ? py_mem_u32(py->mem, ident + PTHREAD_TID) : 0;
	return tid <= 1 << 22 ? (int32_t)tid : 0;
}

static uint64_t top_frame(const struct py *py, uint64_t tstate)
{
	const struct py_offsets *off = py_layout(py->objs);
	uint64_t at = tstate + off->ts_frame;

	/* _PyCFrame, which lies on the thread's own stack */
	if (off->cframe_current != PY_NONE) {
		at = pointer(py, at);
		at = at ? at + off->cframe_current : 0;
	}
	return at ? pointer(py, at) : 0;
}

/* False: the list does not hang together. */
static bool read_threads(struct py *py, struct lists *l, uint32_t index)
{
	const struct py_offsets *off = py_layout(py->objs);
	const struct py_interpreter *in = &l->interpreters.at[index];
	uint64_t at = pointer(py, in->addr + off->is_threads), holder = 0;

	/* one that begins or ends has none */
	if (!py_has_flag(py->objs, in->modules, PY_IS_DICT))
		return false;
	if (in->gil && py_mem_u32(py->mem, in->gil + PY_GIL_LOCKED) == 1)
		holder = pointer(py, in->gil + PY_GIL_HOLDER);
	for (; at; at = pointer(py, at + off->ts_next)) {
		struct py_thread *t;

		if (pointer(py, at + off->ts_interp) != in->addr)
			return false;
		if (l->threads.count >= PY_THREADS_MAX) {
			py->cut = "more threads than are read";
			return true;
		}
		t = vec_push(&l->threads);
		t->addr = at;
		t->interpreter = index;
		t->ident = py_mem_u64(py->mem, at + off->ts_ident);
		t->ns_tid = tid_of(py, at, t->ident);
		t->frame = top_frame(py, at);
		t->has_gil = at == holder;
	}
	return true;
}

static uint64_t gil_of(const struct py *py, uint64_t runtime, uint64_t interpreter)
{
	const struct py_offsets *off = py_layout(py->objs);

	if (off->is_gil != PY_NONE)
		return pointer(py, interpreter + off->is_gil);
	return runtime + off->rt_gil;
}

/* The newest is the head of the list, the main one its end. */
static bool read_interpreters(struct py *py, struct lists *l, uint64_t runtime)
{
	const struct py_offsets *off = py_layout(py->objs);
	uint64_t at = pointer(py, runtime + off->rt_interpreters);

	for (; at; at = pointer(py, at + off->is_next)) {
		struct py_interpreter *in;

		if (l->interpreters.count >= PY_INTERPRETERS_MAX) {
			py->cut = "more interpreters than are read";
			break;
		}
		in = vec_push(&l->interpreters);
		in->addr = at;
		in->id = (int64_t)py_mem_u64(py->mem, at + off->is_id);
		in->modules = pointer(py, at + off->is_modules);
		in->collecting = py_mem_u32(py->mem, at + off->is_collecting) == 1;
		in->gil = gil_of(py, runtime, at);
	}
	for (uint32_t i = 0, k = l->interpreters.count; i + 1 < k; i++) {
		struct py_interpreter swap = l->interpreters.at[--k];

		l->interpreters.at[k] = l->interpreters.at[i];
		l->interpreters.at[i] = swap;
	}
	return l->interpreters.count && l->interpreters.at[0].id == 0;
}

/* An interpreter that makes no sense spoils none of the others. */
static bool read_all(struct py *py, struct lists *l, uint64_t runtime)
{
	uint32_t sound = 0;

	if (!read_interpreters(py, l, runtime))
		return false;
	for (uint32_t i = 0; i < l->interpreters.count; i++) {
		uint32_t before = l->threads.count;

		if (read_threads(py, l, i)) {
			sound++;
		} else {
			l->interpreters.at[i].unknown = true;
			l->threads.count = before;
		}
	}
	return sound != 0;
}

/* The layout of this process; NULL in *why when it is known. */
static void find_layout(struct py_mem *mem, uint64_t runtime, uint32_t minor,
			struct py_offsets *off, const char **why)
{
	const struct py_offsets *table = py_offsets_of(minor);
	size_t size = py_offsets_debug_size(minor);
	_cleanup_free_ uint8_t *bytes = xcalloc(1, size + 1);

	*why = table ? NULL : py_offsets_needed(minor);
	if (!table)
		return;
	*off = *table;
	if (size && !py_mem_read(mem, runtime, bytes, size))
		*why = "its memory cannot be read";
	else if (size)
		py_offsets_check(off, bytes, why);
}

struct py *py_open(struct py_mem *mem, uint64_t runtime, uint32_t minor, const char **why)
{
	_cleanup_py_ struct py *py = NULL;
	struct lists l = { .threads = VEC_INIT };
	struct py_offsets off;
	bool sound;

	find_layout(mem, runtime, minor, &off, why);
	if (*why)
		return NULL;
	py = xcalloc(1, sizeof(*py));
	py->mem = mem;
	py->minor = minor;
	py->objs = py_objs_new(mem, &off);
	py->codes = py_codes_new();
	sound = read_all(py, &l, runtime);
	py->interpreters = l.interpreters.at;
	py->interpreter_count = l.interpreters.count;
	py->threads = l.threads.at;
	py->thread_count = l.threads.count;
	if (!sound)
		*why = py_mem_failed(mem) ? "its memory cannot be read" :
					    "its interpreters do not hang together";
	return sound ? steal(py) : NULL;
}

void py_free(struct py *py)
{
	if (!py)
		return;
	py_codes_free(py->codes);
	py_objs_free(py->objs);
	free(py->interpreters);
	free(py->threads);
	free(py);
}

bool py_module_get(struct py *py, uint32_t interpreter, const char *module, const char *name,
		   uint64_t *value)
{
	uint64_t m, dict;

	if (!py_dict_get(py->objs, py->interpreters[interpreter].modules, module, &m) ||
	    !py_derives(py->objs, m, "module"))
		return false;
	dict = py_ref(py->objs, m + PY_MODULE_DICT);
	return dict && py_dict_get(py->objs, dict, name, value);
}

int64_t py_find_thread(const struct py *py, uint32_t interpreter, uint64_t ident)
{
	for (uint32_t i = 0; i < py->thread_count; i++)
		if (py->threads[i].interpreter == interpreter && py->threads[i].ident == ident)
			return i;
	return -1;
}
