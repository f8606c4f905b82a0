/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hangs inside a run of trio: nurseries, shields, locks in a circle. trio's loop looks up once a
 * day though no task has a deadline, which must not be taken for one.
 */
#include "lib/scenario.h"

#include <stdio.h>
#include <stdlib.h>
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

static pid_t run_trio(const char *program)
{
	char *argv[] = { "python3", "-c", (char *)program, NULL };
	pid_t python;

	if (system("python3 -c 'import trio' 2>/dev/null") != 0)
		scenario_skip("trio", "python3 has no trio");
	python = spawn_program(argv);
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
	wait_for(python);
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
	wait_for(python);
}
