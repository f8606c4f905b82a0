/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The crew of 01_stacks.c in Python: `snag stacks` must show the functions of the program with
 * their lines, the native calls that they have made, and the odd one first.
 */
#include "lib/scenario.h"
#include "lib/scenario_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CREW = 13, ODD = 6 };

/* A line each, so that the numbers below are those of the program. */
static const char program[] = "import os\n"
			      "def next_job(jobs):\n"
			      "    os.read(jobs, 1)\n" /* 3 */
			      "def flush_log(log):\n"
			      "    os.write(log, bytes(1 << 20))\n" /* 5 */
			      "def worker(number, jobs, log):\n"
			      "    flush_log(log) if number == 6 else next_job(jobs)\n" /* 7 */
			      "jobs, log = os.pipe(), os.pipe()\n"
			      "for number in range(13):\n"
			      "    if os.fork() == 0:\n"
			      "        worker(number, jobs[0], log[1])\n" /* 11 */
			      "os.wait()\n";				  /* 12 */

/* The children of the program, in the order in which they were born. */
struct crew {
	pid_t captain, pids[CREW + 1];
};

static bool all_are_there(void *arg)
{
	struct crew *c = arg;
	char *path = (char *)text("/proc/%d/task/%d/children", c->captain, c->captain);
	size_t count = 0;
	int pid;
	FILE *f = fopen(path, "re");

	while (f && count < CREW && fscanf(f, "%d", &pid) == 1)
		c->pids[count++] = pid;
	if (f)
		fclose(f);
	return count == CREW;
}

SCENARIO(crew_in_python, .what = "twelve equal workers and an odd one, in Python",
	 .needs = "python")
{
	char *argv[] = { (char *)"python3", (char *)"-c", (char *)program, NULL };
	struct crew crew = { .captain = spawn_program(argv) };

	truth_root(crew.captain);
	wait_until(all_are_there, &crew, "thirteen workers");
	wait_blocked(crew.captain, 0);
	for (int i = 0; i < CREW; i++)
		wait_blocked(crew.pids[i], 0);
	truth_verdict("deadlock", NULL);
	truth_hop(crew.captain, 0, "child-exit", NULL, ANYBODY);
	truth_prints("14 threads of 14 actors, 3 different stacks");
	truth_prints("14  <module> (<string>:");
	truth_prints("13  worker (<string>:7)");
	truth_prints("1   flush_log (<string>:5) > ");
	truth_prints("odd one out] ");
	truth_prints("[%d]: writing", crew.pids[ODD]);
	truth_prints("12  next_job (<string>:3) > ");
	truth_prints("12 actors: ");
	truth_prints("[%d], [%d], ", crew.pids[0], crew.pids[1]);
	truth_prints("[%d]: waiting for any of 13 children", crew.captain);
	truth_ready();
	for (;;)
		pause();
}
