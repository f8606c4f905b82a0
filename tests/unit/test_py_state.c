/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py.h"

#include "lib/unit_python.h"
#include "read/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#define RUNTIME                                                                                    \
	"import ctypes, os, sys, threading, time\n"                                                \
	"print(ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, '_PyRuntime')))\n"

struct scene {
	struct python py;
	struct mem *mem;
	struct py_mem *pages;
	struct py *p;
	uint64_t runtime;
};

/* Start the i-th interpreter on a script that begins with RUNTIME. */
static bool scene_start(struct scene *s, uint32_t i, const char *script)
{
	memset(s, 0, sizeof(*s));
	if (!python_at(i, &s->py))
		return false;
	python_start(&s->py, script);
	s->runtime = python_number(&s->py);
	return true;
}

static void scene_open(struct scene *s)
{
	const char *why = NULL;

	s->mem = mem_new(s->py.tgid, false);
	s->pages = py_mem_of(s->mem);
	s->p = py_open(s->pages, s->runtime, s->py.minor, &why);
	cr_assert(s->p, "%s: %s", s->py.path, why);
}

static void scene_end(struct scene *s)
{
	py_free(s->p);
	py_mem_free(s->pages);
	mem_free(s->mem);
	python_end(&s->py);
}

Test(py_state, threads_and_modules, .timeout = 120)
{
	struct scene s;

	python_need();
	for (uint32_t i = 0;
	     scene_start(&s, i,
			 RUNTIME "threading.Thread(target=time.sleep, args=(1e6,)).start()\n"
				 "for t in threading.enumerate(): print(t.ident, t.native_id)\n"
				 "print(id(threading._active), flush=True)\n"
				 "input()\n");
	     i++) {
		uint64_t active, value = 0;
		char idents[2][64];

		for (int k = 0; k < 2; k++)
			snprintf(idents[k], sizeof(idents[k]), "%s", python_line(&s.py));
		active = python_number(&s.py);
		python_wait(&s.py, SYS_read);
		scene_open(&s);
		cr_assert_eq(s.p->thread_count, 2);
		for (int k = 0; k < 2; k++) {
			char *rest;
			uint64_t ident = strtoull(idents[k], &rest, 10);
			int64_t at = py_find_thread(s.p, 0, ident);

			cr_assert_geq(at, 0);
			cr_assert_eq(s.p->threads[at].ns_tid, strtol(rest, NULL, 10), "%s",
				     s.py.path);
			cr_assert_not(s.p->threads[at].has_gil);
		}
		cr_assert(py_module_get(s.p, 0, "threading", "_active", &value));
		cr_assert_eq(value, active);
		cr_assert_not(py_module_get(s.p, 0, "threading", "_inactive", &value));
		cr_assert_not(py_module_get(s.p, 0, "no_such_module", "x", &value));
		scene_end(&s);
	}
}

/* usleep() of ctypes.pythonapi keeps the GIL. */
Test(py_state, who_has_the_gil, .timeout = 120)
{
	struct scene s;

	python_need();
	for (uint32_t i = 0; scene_start(&s, i,
					 RUNTIME "ctypes.pythonapi.pause\n"
						 "sys.stdout.flush()\n"
						 "ctypes.pythonapi.pause()\n");
	     i++) {
		python_wait(&s.py, SYS_pause);
		scene_open(&s);
		cr_assert_eq(s.p->thread_count, 1);
		cr_assert(s.p->threads[0].has_gil, "%s", s.py.path);
		cr_assert_eq(s.p->threads[0].ns_tid, s.py.tgid);
		cr_assert_not(s.p->interpreters[0].collecting);
		scene_end(&s);
	}
}

Test(py_state, a_collector_at_work, .timeout = 120)
{
	struct scene s;

	python_need();
	for (uint32_t i = 0; scene_start(&s, i,
					 RUNTIME "import gc\n"
						 "class K:\n"
						 "  def __del__(self): input()\n"
						 "k = K(); k.me = k; del k\n"
						 "sys.stdout.flush()\n"
						 "gc.collect()\n");
	     i++) {
		python_wait(&s.py, SYS_read);
		scene_open(&s);
		cr_assert(s.p->interpreters[0].collecting, "%s", s.py.path);
		scene_end(&s);
	}
}

/* _xxsubinterpreters: 3.9 to 3.12; then _interpreters. */
Test(py_state, interpreters, .timeout = 120)
{
	struct scene s;

	python_need();
	for (uint32_t i = 0;
	     scene_start(&s, i,
			 RUNTIME "try: import _xxsubinterpreters as subs\n"
				 "except ImportError: import _interpreters as subs\n"
				 "a, b = subs.create(), subs.create()\n"
				 "sys.stdout.flush()\n"
				 "subs.run_string(b, 'import signal; signal.pause()')\n");
	     i++) {
		struct py_frame frames[8];
		const char *cut;

		python_wait(&s.py, SYS_pause);
		scene_open(&s);
		cr_assert_eq(s.p->interpreter_count, 3);
		for (uint32_t k = 0; k < 3; k++)
			cr_assert_not(s.p->interpreters[k].unknown);
		cr_assert_eq(s.p->interpreters[0].id, 0);
		cr_assert_gt(s.p->interpreters[2].id, s.p->interpreters[1].id);
		for (uint32_t k = 0; k < s.p->thread_count; k++) {
			const struct py_thread *t = &s.p->threads[k];
			uint32_t n = py_frames(s.p, t->frame, frames, 8, &cut);

			cr_assert_null(cut);
			cr_assert_eq(n, t->interpreter == 1 ? 0 : 1, "%s", s.py.path);
		}
		scene_end(&s);
	}
}

Test(py_state, what_is_no_interpreter, .timeout = 120)
{
	struct scene s;
	const char *why = NULL;

	python_need();
	cr_assert(scene_start(&s, 0, RUNTIME "sys.stdout.flush(); input()\n"));
	python_wait(&s.py, SYS_read);
	scene_open(&s);
	for (uint32_t minor = 0; minor < 20; minor++) {
		if (minor == s.py.minor)
			continue;
		why = NULL;
		cr_assert_null(py_open(s.pages, s.runtime, minor, &why), "3.%u", minor);
		cr_assert(why);
	}
	for (uint64_t at = s.runtime - 256; at < s.runtime + 256; at += 8)
		if (at != s.runtime)
			py_free(py_open(s.pages, at, s.py.minor, &why));
	scene_end(&s);
}
