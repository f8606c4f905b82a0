/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hangs inside a run of trio: nurseries, shields, locks in a circle. trio's loop looks up once a
 * day though no task has a deadline, which must not be taken for one.
 */
#include "tasks_run.h"

#include <stdlib.h>

static pid_t run_trio(const char *program)
{
	if (system("python3 -c 'import trio' 2>/dev/null") != 0)
		scenario_skip("trio", "python3 has no trio");
	return tasks_run(program);
}

SCENARIO(event_under_shield, .needs = "python",
	 .what = "a cancelled nursery waits for a child that a shield protects")
{
	pid_t python = run_trio("import trio\n"
				"async def cleanup():\n"
				"    with trio.CancelScope(shield=True):\n"
				"        await trio.Event().wait()\n"
				"async def main():\n"
				"    async with trio.open_nursery() as n:\n"
				"        n.start_soon(cleanup, name='cleanup')\n"
				"        for i in range(3): await trio.sleep(0)\n"
				"        n.cancel_scope.cancel()\n"
				"trio.run(main)\n");

	truth_wait(python, 0, "nursery", NULL, ANYBODY);
	truth_wait(python, 0, "task-event", NULL, ANYBODY);
	truth_culprit(python, "shielded");
	truth_finding("task-shielded", python);
	truth_says("task \"cleanup\"");
	truth_says("cleanup (<string>:4)");
	tasks_wait(python);
}

SCENARIO(locks_in_a_circle, .needs = "python", .what = "two tasks take two locks in opposite order")
{
	pid_t python = run_trio("import trio\n"
				"async def take(a, b):\n"
				"    async with a:\n"
				"        for i in range(3): await trio.sleep(0)\n"
				"        async with b: pass\n"
				"async def main():\n"
				"    a, b = trio.Lock(), trio.Lock()\n"
				"    async with trio.open_nursery() as n:\n"
				"        n.start_soon(take, a, b, name='one')\n"
				"        n.start_soon(take, b, a, name='two')\n"
				"trio.run(main)\n");

	truth_wait(python, 0, "task-lock", NULL, ANYBODY);
	truth_culprit(python, "lock-order");
	truth_says("task \"one\"");
	truth_says("task \"two\"");
	tasks_wait(python);
}
