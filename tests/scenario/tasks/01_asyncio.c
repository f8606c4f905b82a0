/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hangs inside an event loop of asyncio. The kernel shows an epoll_wait(2) on a wakeup pair that
 * only the process itself could write to; which task waits for what is in its memory, and snag
 * must name the task, what it waits for and, where it was asked to end, that it did not.
 */
#include "lib/scenario.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* It rests in its loop; `python3` may be a script that starts it. */
static bool is_in_loop(void *arg)
{
	const pid_t *pid = arg;
	FILE *file = fopen(text("/proc/%d/syscall", *pid), "re");
	int nr = -1;

	if (file && fscanf(file, "%d", &nr) != 1)
		nr = -1;
	if (file)
		fclose(file);
	return nr == SYS_epoll_wait;
}

static pid_t run_loop(const char *program)
{
	char *argv[] = { "python3", "-c", (char *)program, NULL };
	pid_t python = spawn_program(argv);

	wait_until(is_in_loop, &python, "the loop rests");
	truth_root(python);
	truth_verdict("deadlock", NULL);
	truth_blocked(python, python);
	return python;
}

static void wait_for(pid_t python)
{
	truth_ready();
	waitpid(python, NULL, 0);
}

SCENARIO(future_never_set, .needs = "python", .what = "a task awaits a future that nobody sets")
{
	pid_t python = run_loop("import asyncio\n"
				"async def waits_for_ever():\n"
				"    await asyncio.get_running_loop().create_future()\n"
				"async def main():\n"
				"    await asyncio.create_task(waits_for_ever(), name='lonely')\n"
				"asyncio.run(main())\n");

	truth_wait(python, 0, "task-event", NULL, ANYBODY);
	truth_wait(python, 0, "task-join", NULL, ANYBODY);
	truth_culprit(python, "never-woken");
	truth_says("task \"lonely\"");
	truth_says("waits_for_ever (<string>:3)");
	wait_for(python);
}

SCENARIO(swallowed_cancel, .needs = "python", .what = "a task is cancelled, told so, and goes on")
{
	pid_t python = run_loop("import asyncio\n"
				"async def deaf():\n"
				"    while True:\n"
				"        try: await asyncio.Event().wait()\n"
				"        except asyncio.CancelledError: pass\n"
				"async def main():\n"
				"    t = asyncio.create_task(deaf(), name='deaf one')\n"
				"    for i in range(3): await asyncio.sleep(0)\n"
				"    t.cancel()\n"
				"    await asyncio.wait([t])\n"
				"asyncio.run(main())\n");

	truth_says("task \"deaf one\"");
	/* 3.11 and later count cancels */
	truth_culprit(python, NULL);
	wait_for(python);
}

SCENARIO(queue_without_producer, .needs = "python",
	 .what = "gather() of consumers whose queue nobody fills")
{
	pid_t python = run_loop("import asyncio\n"
				"async def consume(q):\n"
				"    await q.get()\n"
				"async def main():\n"
				"    q = asyncio.Queue()\n"
				"    await asyncio.gather(*[asyncio.create_task(consume(q),"
				" name='consumer') for i in range(3)])\n"
				"asyncio.run(main())\n");

	truth_wait(python, 0, "task-channel", NULL, ANYBODY);
	truth_wait(python, 0, "task-join", NULL, ANYBODY);
	truth_says("waiting for all of 3 tasks");
	truth_says("task \"consumer\"");
	truth_culprit(python, "never-woken");
	wait_for(python);
}
