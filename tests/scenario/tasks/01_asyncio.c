/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hangs inside an event loop of asyncio. The kernel shows an epoll_wait(2) on a wakeup pair that
 * only the process itself could write to; which task waits for what is in its memory, and snag
 * must name the task, what it waits for and, where it was asked to end, that it did not.
 */
#include "tasks_run.h"

SCENARIO(future_never_set, .needs = "python", .what = "a task awaits a future that nobody sets")
{
	pid_t python = tasks_run("import asyncio\n"
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
	tasks_wait(python);
}

SCENARIO(swallowed_cancel, .needs = "python", .what = "a task is cancelled, told so, and goes on")
{
	pid_t python = tasks_run("import asyncio\n"
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
	tasks_wait(python);
}

SCENARIO(queue_without_producer, .needs = "python",
	 .what = "gather() of consumers whose queue nobody fills")
{
	pid_t python = tasks_run("import asyncio\n"
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
	tasks_wait(python);
}
