/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the threads of Python programs run. snag must see each frame as the program itself does, and
 * the native and the Python calls of a stack must fit together.
 */
#include "lib/python_calls.h"
#include "lib/scenario_python.h"

#include <sys/wait.h>

enum { PYTHONS_MAX = 32 };

SCENARIO(calls, .needs = "python", .options = "--stacks",
	 .what = "threads below all sorts of calls, in every interpreter of this machine")
{
	pid_t pids[PYTHONS_MAX];
	unsigned count = 0;

	for (; count < PYTHONS_MAX && python_path(count); count++)
		pids[count] = python_spawn_telling(python_path(count), python_calls);
	for (unsigned i = 0; i < count; i++) {
		python_said(pids[i]);
		truth_python(pids[i]);
		truth_blocked(pids[i], 0);
	}
	truth_verdict("deadlock", NULL);
	truth_says("in read < <module> (program");
	truth_ready();
	wait(NULL);
}
