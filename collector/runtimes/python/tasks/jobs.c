/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs.c - which thread works for whom: calls that tasks have handed to worker threads.
 *
 * The object by which a waiting task and the worker of its job know each other is on both stacks:
 * the future of a _WorkItem (Lib/concurrent/futures/thread.py), and the function that brings the
 * result back to trio (trio/_core/_thread_cache.py, trio/_threads.py).
 */
#include "runtimes/python/tasks/inside.h"

#include <string.h>

/* PyFunctionObject, Include/cpython/funcobject.h: in another order until 3.9. */
enum { FUNC_CODE_39 = 16, FUNC_CLOSURE_39 = 48, FUNC_CODE = 48, FUNC_CLOSURE = 72 };

enum { CLOSURE_MAX = 64 };

static void add_job(struct py_tasks *x, const struct py_frame *f, const struct py_thread *t)
{
	uint64_t key = 0;

	if (py_frame_is(x->py, f, "concurrent/futures/thread.py", "run"))
		key = py_attr_or_0(x, py_chain_local(x, f, "self"), "future");
	else if (py_frame_is(x->py, f, "trio/_core/_thread_cache.py", "_handle_job"))
		key = py_chain_local(x, f, "deliver");
	if (key)
		map_put(&x->jobs, key, py_thread_id(x, t));
}

uint32_t py_job_thread(struct py_tasks *x, uint64_t key)
{
	_cleanup_free_ struct py_frame *frames = NULL;
	const char *cut;

	if (!x->jobs_read) {
		x->jobs_read = true;
		frames = xcalloc(PY_CHAIN_MAX, sizeof(*frames));
		for (uint32_t i = 0; i < x->py->thread_count; i++) {
			const struct py_thread *t = &x->py->threads[i];
			uint32_t n = py_frames(x->py, t->frame, frames, PY_CHAIN_MAX, &cut);

			for (uint32_t k = 0; k < n; k++)
				add_job(x, &frames[k], t);
		}
	}
	return key ? map_get(&x->jobs, key, 0) : 0;
}

uint64_t py_closure_get(struct py_tasks *x, uint64_t function, const char *name)
{
	struct py_objs *p = x->py->objs;
	bool old = x->py->minor < 10;
	uint64_t code, cells, names;
	uint32_t count, skip = 0;

	if (!py_is(p, function, "function"))
		return 0;
	code = py_ref(p, function + (old ? FUNC_CODE_39 : FUNC_CODE));
	cells = py_ref(p, function + (old ? FUNC_CLOSURE_39 : FUNC_CLOSURE));
	count = py_len(p, cells);
	if (!py_is(p, code, "code") || !count || count > CLOSURE_MAX)
		return 0;
	/* from 3.11 on they are the last of all variables */
	names = py_ref(p, code + (x->py->minor < 11 ? py_layout(p)->co_freevars :
						      py_layout(p)->co_varnames));
	if (x->py->minor >= 11)
		skip = py_len(p, names) - count;
	for (uint32_t i = 0; i < count; i++)
		if (py_str_is(p, py_item(p, names, skip + i), name))
			return py_uncell(p, py_item(p, cells, i));
	return 0;
}
