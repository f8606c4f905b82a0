/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py.h"

#include "lib/unit_python.h"
#include "read/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * Threads blocked below all sorts of calls. When all of them are, the last one prints their frames
 * as Python sees them.
 */
static const char script[] =
	"import ctypes, os, sys, threading, functools\n"
	"r, w = os.pipe()\n"
	"def leaf(a, b=2):\n"
	"    captured = [a]\n"
	"    def inner():\n"
	"        return captured\n"
	"    try:\n"
	"        raise KeyError('x')\n"
	"    except KeyError:\n"
	"        os.read(\n"
	"            r,\n"
	"            1)\n"
	"    return inner\n"
	"def deep(n):\n"
	"    return deep(n - 1) if n else leaf(1)\n"
	"def gen():\n"
	"    yield 1\n"
	"    yield leaf(2)\n"
	"def through_gen():\n"
	"    return sum(x for x in gen())\n"
	"def through_c():\n"
	"    return sorted([3, 1, 2], key=lambda v: leaf(v))\n"
	"class K:\n"
	"    @property\n"
	"    def p(self): return leaf(3)\n"
	"    def __getattr__(self, name):\n"
	"        return self.p\n"
	"def through_class():\n"
	"    class In:\n"
	"        value = [K().whatever for i in '12']\n"
	"def through_exec():\n"
	"    exec(compile('\\n\\n\\nleaf(4)', '<made up>', 'exec'))\n"
	"async def coro():\n"
	"    await other()\n"
	"async def other():\n"
	"    return leaf(5)\n"
	"def through_coro():\n"
	"    coro().send(None)\n"
	"exec('def long():\\n' + '  x = 1\\n' * 150 + '\\n' * 150 + '''\n"
	"  for i in range(3):\n"
	"      with open('/dev/null') as f:\n"
	"          functools.reduce(lambda x, y: (x,\n"
	"              y,\n"
	"              leaf(6)), [1, 2, 3])\n"
	"''')\n"
	"calls = [lambda: deep(200), through_gen, through_c, through_class, through_exec,\n"
	"         through_coro, long]\n"
	"if sys.version_info >= (3, 10):\n"
	"    exec('def matches(v):\\n  match v:\\n    case [a, b]:\\n      leaf(a)\\n')\n"
	"    calls.append(lambda: matches([1, 2]))\n"
	"def waits(tid):\n"
	"    return open('/proc/self/task/%d/syscall' % tid).read().split()[0] == '0'\n"
	"def printer():\n"
	"    while not all(waits(t.native_id) for t in threads) or not waits(os.getpid()): pass\n"
	"    for ident, frame in sys._current_frames().items():\n"
	"        if ident == threading.get_ident(): continue\n"
	"        print('thread', ident)\n"
	"        while frame:\n"
	"            c = frame.f_code\n"
	"            print('%s:%d:%s' % (c.co_filename, frame.f_lineno, c.co_name))\n"
	"            frame = frame.f_back\n"
	"        print('end')\n"
	"    print('done', flush=True)\n"
	"    os.read(r, 1)\n"
	"print(ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, '_PyRuntime')))\n"
	"threads = [threading.Thread(target=c, name='t%d' % i) for i, c in enumerate(calls)]\n"
	"for t in threads: t.start()\n"
	"threading.Thread(target=printer).start()\n"
	"os.read(r, 1)\n";

enum { LINES_MAX = 2048 };

struct scene {
	struct python py;
	char *lines[LINES_MAX];
	uint32_t count;
	struct mem *mem;
	struct py_mem *pages;
	struct py *p;
};

static bool scene_begin(struct scene *s, uint32_t i)
{
	const char *line, *why = NULL;

	memset(s, 0, sizeof(*s));
	if (!python_at(i, &s->py))
		return false;
	python_start(&s->py, script);
	while ((line = python_line(&s->py)) && strcmp(line, "done") != 0) {
		cr_assert_lt(s->count, LINES_MAX);
		s->lines[s->count++] = strdup(line);
	}
	cr_assert(line, "%s ended early", s->py.path);
	s->mem = mem_new(s->py.tgid, false);
	s->pages = py_mem_of(s->mem);
	s->p = py_open(s->pages, strtoull(s->lines[0], NULL, 10), s->py.minor, &why);
	cr_assert(s->p, "%s: %s", s->py.path, why);
	return true;
}

static void scene_end(struct scene *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		free(s->lines[i]);
	py_free(s->p);
	py_mem_free(s->pages);
	mem_free(s->mem);
	python_end(&s->py);
}

/* The frames that snag sees of a thread against the lines from `at` on: the next thread's. */
static uint32_t check_thread(struct scene *s, uint32_t at)
{
	static struct py_frame frames[PY_FRAMES_MAX];
	struct strtab *t = py_strings(s->p->objs);
	int64_t thread = py_find_thread(s->p, 0, strtoull(s->lines[at] + 7, NULL, 10));
	const char *cut = NULL;
	uint32_t n, i = 0;

	cr_assert_geq(thread, 0, "%s: %s", s->py.path, s->lines[at]);
	n = py_frames(s->p, s->p->threads[thread].frame, frames, PY_FRAMES_MAX, &cut);
	cr_assert_null(cut, "%s: %s", s->py.path, cut);
	for (at++; strcmp(s->lines[at], "end") != 0; at++, i++) {
		char mine[1024];

		cr_assert_lt(i, n, "%s: no frame for %s", s->py.path, s->lines[at]);
		snprintf(mine, sizeof(mine), "%s:%u:%s", strtab_get(t, frames[i].file),
			 frames[i].line, strtab_get(t, frames[i].name));
		cr_assert_str_eq(mine, s->lines[at], "%s, frame %u", s->py.path, i);
	}
	cr_assert_eq(i, n, "%s: %u frames too many", s->py.path, n - i);
	return at + 1;
}

Test(py_frame, as_the_interpreter_sees_them, .timeout = 120)
{
	struct scene s;

	python_need();
	for (uint32_t i = 0; scene_begin(&s, i); i++) {
		uint32_t threads = 0;

		for (uint32_t at = 1; at < s.count; threads++)
			at = check_thread(&s, at);
		cr_assert_geq(threads, 8);
		cr_assert_eq(s.p->thread_count, threads + 1);
		cr_assert_eq(s.p->interpreter_count, 1);
		scene_end(&s);
	}
}
