/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks of asyncio in live interpreters: the program prints what it knows of its own tasks.
 */
#include "lib/unit_python.h"
#include "model/tasks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/syscall.h>

/* The innermost function of a task that is the program's own, "name:line". */
static void own_frame(struct strbuf *b, const struct model *m, uint32_t task)
{
	uint32_t count;
	const struct task_frame *f = model_task_frames(m, task, &count);

	for (uint32_t i = 0; i < count; i++)
		if (!strcmp(model_str(m, f[i].file), "<string>")) {
			strbuf_addf(b, "%s:%u", model_str(m, f[i].function), f[i].line);
			return;
		}
}

/* "task NAME NAME:LINE STATE" of every task but the one that prints. */
static void expect_line(const struct model *m, const char *line, const struct python *py)
{
	char name[64], at[64], state[16];

	cr_assert_eq(sscanf(line, "%63s %63s %15s", name, at, state), 3, "%s", line);
	for (uint32_t i = 1; i <= m->tasks.count; i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		if (strcmp(model_str(m, model_task(m, i)->name), name) != 0)
			continue;
		own_frame(&b, m, i);
		cr_expect_str_eq(strbuf_str(&b), at, "%s: task %s", py->path, name);
		cr_expect_str_eq(task_state_name(model_task(m, i)->state), state, "%s: task %s",
				 py->path, name);
		return;
	}
	cr_assert(false, "%s: no task %s", py->path, name);
}

/*
 * The truth is what Task.get_stack() says of each task but the one that asks; a thread stops the
 * loop where it stands.
 */
static const char asyncio_program[] =
	"import asyncio, sys\n"
	"async def leaf(f):\n"
	"    await f\n"
	"async def deep(n, f):\n"
	"    await (deep(n - 1, f) if n else leaf(f))\n"
	"async def take(q):\n"
	"    await q.get()\n"
	"async def nap():\n"
	"    await asyncio.sleep(3600)\n"
	"async def both(*t):\n"
	"    await asyncio.gather(*t)\n"
	"def own(t):\n"
	"    c, last = t.get_coro(), None\n"
	"    while hasattr(c, 'cr_frame') and c.cr_frame:\n"
	"        if c.cr_code.co_filename == '<string>':\n"
	"            last = c.cr_code.co_name + ':' + str(c.cr_frame.f_lineno)\n"
	"        c = c.cr_await\n"
	"    return last\n"
	"async def main():\n"
	"    f = asyncio.get_running_loop().create_future()\n"
	"    new = lambda c, n: asyncio.ensure_future(c)\n"
	"    ts = [asyncio.create_task(c, name=n) for c, n in ((deep(5, f), 'deep'),\n"
	"        (take(asyncio.Queue()), 'take'), (nap(), 'nap'), (leaf(f), 'leaf'))]\n"
	"    ts.append(asyncio.create_task(both(*ts[:2]), name='both'))\n"
	"    for i in range(5): await asyncio.sleep(0)\n"
	"    print(len(ts))\n"
	"    for t in ts: print(t.get_name(), own(t), 'waiting')\n"
	"    sys.stdout.flush()\n"
	"    await f\n"
	"asyncio.run(main())\n";

Test(asyncio, tasks_are_what_the_program_says, .timeout = 120)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		uint64_t count;

		python_start(&py, asyncio_program);
		count = python_number(&py);
		char *lines[16] = { NULL };

		for (uint64_t k = 0; k < count && k < 16; k++)
			lines[k] = xstrdup(python_line(&py));
		python_wait(&py, SYS_epoll_wait);
		{
			_cleanup_model_ struct model *m = python_look(&py, false);

			cr_expect_eq(m->tasks.count, count + 1, "%s: %u tasks", py.path,
				     m->tasks.count);
			for (uint64_t k = 0; k < count && k < 16; k++) {
				expect_line(m, lines[k], &py);
				free(lines[k]);
			}
		}
		python_end(&py);
	}
}
