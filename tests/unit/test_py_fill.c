/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/values/py_fill.h"

#include "lib/unit_python.h"
#include "model/frames.h"
#include "model/tasks.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/syscall.h>

/* A function of all sorts of variables, which prints what it has, then waits. */
static const char script[] =
	"import sys\n"
	"def outer(free):\n"
	"  def inner(a, b=2, *args, c, **more):\n"
	"    cell = [a]\n"
	"    d = 'text'\n"
	"    def user(): return cell, free\n"
	"    late = unbound = None\n"
	"    del unbound\n"
	"    del user\n"
	"    for k in sorted(locals()): print(k, type(locals()[k]).__name__, repr(locals()[k]))\n"
	"    print('done', flush=True)\n"
	"    sys.stdin.read(1)\n"
	"    unbound = 1\n"
	"  inner(1, 3, 4, 5, c=6, e=7)\n"
	"glob = ('of', 'the module')\n"
	"outer({'f': 1})\n";

static const struct script_local *find(const struct model *m, const struct script_values *values,
				       const char *name)
{
	for (uint32_t i = 0; i < values->count; i++) {
		const struct script_local *l = &m->locals.at[values->first + i];

		if (strcmp(model_str(m, l->name), name) == 0)
			return l;
	}
	return NULL;
}

static void expect_function(const struct model *m, struct python *py,
			    const struct script_values *values)
{
	uint32_t count = 0;
	const char *line;

	for (; strcmp(line = python_line(py), "done") != 0; count++) {
		char name[64], type[64], value[128];

		cr_assert_eq(sscanf(line, "%63s %63s %127[^\n]", name, type, value), 3);
		const struct script_local *l = find(m, values, name);

		/* its own loop variable is one too, and has gone on */
		if (strcmp(name, "k") == 0)
			continue;
		cr_assert(l, "%s: no %s", py->path, name);
		cr_expect_str_eq(model_str(m, l->type), type, "%s: %s", py->path, name);
		cr_expect_str_eq(model_str(m, l->value), value, "%s: %s", py->path, name);
	}
	cr_expect_geq(count, 8);
	cr_expect_null(find(m, values, "unbound"), "%s", py->path);
	cr_expect_null(find(m, values, "user"), "%s", py->path);
	cr_expect_str_eq(model_str(m, m->locals.at[values->first].name), "a");
}

Test(py_fill, the_variables_of_calls, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_model_ struct model *m = NULL;
		const struct script_local *l;
		uint32_t count;

		python_start(&py, script);
		python_wait(&py, SYS_read);
		m = python_look(&py, true);
		const struct script_frame *f = model_script_frames(m, 1, &count);

		cr_assert_eq(count, 3, "%s", py.path);
		expect_function(m, &py, &f[0].locals);
		l = find(m, &f[1].locals, "free");
		cr_assert(l, "%s", py.path);
		cr_expect_str_eq(model_str(m, l->value), "{'f': 1}");
		l = find(m, &f[2].locals, "glob");
		cr_assert(l, "%s", py.path);
		cr_expect_str_eq(model_str(m, l->value), "('of', 'the module')");
		cr_expect_null(find(m, &f[2].locals, "outer"), "what a module defines");
		cr_expect_null(find(m, &f[2].locals, "__name__"));
		python_end(&py);
	}
}

Test(py_fill, only_when_asked_for, .timeout = 120)
{
	struct python py;

	python_need();
	cr_assert(python_at(0, &py));
	python_start(&py, script);
	python_wait(&py, SYS_read);
	_cleanup_model_ struct model *m = python_look(&py, false);

	cr_expect_eq(m->locals.count, 0);
	cr_expect_gt(m->script_frames.count, 0);
	python_end(&py);
}

Test(py_fill, there_is_an_end_to_them, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_model_ struct model *m = NULL;
		uint32_t count;

		python_start(&py, "import sys\n"
				  "exec('def f():\\n' + ''.join('  v%d = %d\\n' % (i, i)\n"
				  "     for i in range(50)) + '  sys.stdin.read(1)')\n"
				  "f()\n");
		python_wait(&py, SYS_read);
		m = python_look(&py, true);
		const struct script_frame *f = model_script_frames(m, 1, &count);
		const struct script_local *l;

		cr_assert_eq(f[0].locals.count, PY_LOCALS_MAX + 1, "%s", py.path);
		l = &m->locals.at[f[0].locals.first + PY_LOCALS_MAX];
		cr_expect_str_eq(model_str(m, l->name), "...");
		cr_expect_str_eq(model_str(m, l->value), "18 more");
		cr_expect_eq(l->type, 0);
		python_end(&py);
	}
}

Test(py_fill, exceptions_of_threads_and_tasks, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_model_ struct model *m = NULL;
		const struct script_exception *e;
		const struct script_local *l;
		uint32_t count;

		python_start(&py, "import asyncio\n"
				  "async def waits(event):\n"
				  "  secret = 7\n"
				  "  try: raise KeyError('while it waits')\n"
				  "  except KeyError: await event.wait()\n"
				  "async def main():\n"
				  "  await waits(asyncio.Event())\n"
				  "try: 1 // 0\n"
				  "except ArithmeticError: asyncio.run(main())\n");
		python_wait(&py, SYS_epoll_wait);
		m = python_look(&py, true);
		e = model_exceptions(m, 1, 0, &count);
		cr_assert_eq(count, 1, "%s", py.path);
		cr_expect_str_eq(model_str(m, e->type), "ZeroDivisionError");
		cr_assert_eq(m->tasks.count, 1, "%s", py.path);
		e = model_exceptions(m, 0, 1, &count);
		cr_assert_eq(count, 1, "%s", py.path);
		cr_expect_str_eq(model_str(m, e->type), "KeyError");
		cr_expect_str_eq(model_str(m, e->text), "while it waits");
		const struct task_frame *f = model_task_frames(m, 1, &count);

		cr_assert_eq(count, 3, "%s", py.path);
		cr_expect_eq(f[1].kind, SCRIPT_COROUTINE);
		l = find(m, &f[1].locals, "secret");
		cr_assert(l, "%s", py.path);
		cr_expect_str_eq(model_str(m, l->value), "7");
		python_end(&py);
	}
}
