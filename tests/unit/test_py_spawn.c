/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_spawn.h"

#include "lib/unit_child.h"
#include "lib/unit_python.h"
#include "model/tasks.h"
#include "snag.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Each line of the script is "PID BACKEND": what made that child. The processes of multiprocessing
 * wait in read(2) of a pipe whose other end the parent has, so that all end with it.
 */
static const char script[] =
	"import multiprocessing as mp, os, subprocess, sys, threading, time\n"
	"def work(conn):\n"
	"    conn.send(os.getpid())\n"
	"    conn.recv()\n"
	"if __name__ == '__main__':\n"
	"    keep, lines = [], []\n"
	"    for m in ('fork', 'spawn', 'forkserver'):\n"
	"        c = mp.get_context(m)\n"
	"        mine, theirs = c.Pipe()\n"
	"        p = c.Process(target=work, args=(theirs,), name='proc-' + m)\n"
	"        p.start()\n"
	"        keep += [p, mine, theirs]\n"
	"        mine.recv()\n"
	"        lines.append('%d multiprocessing %s' % (p.pid, m))\n"
	"    class Popen(subprocess.Popen):\n"
	"        def wait(self, timeout=None):\n"
	"            lines.append('%d subprocess' % self.pid)\n"
	"            event.set()\n"
	"            return super().wait(timeout)\n"
	"    subprocess.Popen = Popen\n"
	"    event = threading.Event()\n"
	"    threading.Thread(target=lambda: subprocess.call(['sleep', '1000'])).start()\n"
	"    event.wait()\n"
	"    for line in lines: print(line)\n"
	"    print('done', flush=True)\n"
	"    time.sleep(1000)\n";

static const struct actor *actor_of(const struct model *m, int32_t pid)
{
	uint32_t id = model_find_pid(m, pid);

	cr_assert(id, "%d is not in the tree", pid);
	return model_actor(m, id);
}

static void check(const struct model *m, const struct python *py, char lines[][64], uint32_t count)
{
	uint32_t root = model_find_pid(m, py->tgid);

	for (uint32_t i = 0; i < count; i++) {
		char *backend;
		const struct actor *a = actor_of(m, (int32_t)strtol(lines[i], &backend, 10));

		cr_expect_str_eq(model_str(m, a->spawn_backend), backend + 1, "%s: %s", py->path,
				 lines[i]);
		cr_expect(strstr(model_str(m, a->spawn_evidence), "Popen") ||
				  strstr(model_str(m, a->spawn_evidence), "has it as its Process"),
			  "%s: %s", py->path, model_str(m, a->spawn_evidence));
		cr_expect_eq(a->spawn_requested_by, root, "%s: %s", py->path, lines[i]);
	}
}

/* Has the waiting thread come to where the child's Popen object is in a call? */
static void look(const struct python *py, char lines[][64], uint32_t count)
{
	_cleanup_session_ struct session *s = NULL;
	_cleanup_model_ struct model *m = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	const struct read_scope scope = { .roots = &py->tgid, .root_count = 1 };

	cr_assert_eq(session_open(&(struct session_opts){ .reader = "procfs" }, &s, &err), 0, "%s",
		     err.text);
	cr_assert_eq(session_look(s, &scope, &m, &err), 0, "%s", err.text);
	check(m, py, lines, count);
}

Test(py_spawn, backends_by_name, .timeout = 200)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		char path[] = "/tmp/snag-spawn.XXXXXX", lines[8][64];
		char command[256];
		int fd = mkstemp(path);
		const char *line;
		uint32_t count = 0;

		/* spawn imports the program anew, so it must be a file */
		cr_assert_eq(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
		close(fd);
		snprintf(command, sizeof(command),
			 "import os, sys; os.execv(sys.executable, [sys.executable, '%s'])", path);
		python_start(&py, command);
		while ((line = python_line(&py)) && strcmp(line, "done") != 0 && count < 8)
			snprintf(lines[count++], sizeof(*lines), "%s", line);
		cr_assert_eq(count, 4, "%s", py.path);
		child_wait_state(py.tgid, py.tgid, 'S');
		look(&py, lines, count);
		python_end(&py);
		unlink(path);
	}
}

/* The task that waits for the exit of a child has asked for it. */
static const char waiting[] = "import asyncio, os, sys\n"
			      "async def ask():\n"
			      "    p = await asyncio.create_subprocess_exec('sleep', '1000')\n"
			      "    print(p.pid, flush=True)\n"
			      "    await p.wait()\n"
			      "async def main():\n"
			      "    await asyncio.create_task(ask(), name='asker')\n"
			      "asyncio.run(main())\n";

Test(py_spawn, a_task_asks_for_a_child, .timeout = 200)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_model_ struct model *m = NULL;
		const struct actor *a;
		int32_t child;

		python_start(&py, waiting);
		child = (int32_t)python_number(&py);
		python_wait(&py, SYS_epoll_wait);
		m = python_look(&py, false);
		a = actor_of(m, child);
		cr_expect_str_eq(model_str(m, a->spawn_backend), "asyncio subprocess", "%s",
				 py.path);
		cr_expect_eq(a->spawn_requested_by, model_find_pid(m, py.tgid), "%s", py.path);
		cr_assert(a->spawn_requested_task, "%s", py.path);
		cr_expect_str_eq(model_str(m, model_task(m, a->spawn_requested_task)->name),
				 "asker", "%s", py.path);
		python_end(&py);
	}
}
