/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loops that burn CPU. snag must call them busy, or progressing when bytes move, and never stuck in
 * a wait.
 */
#include "lib/scenario.h"

#include <sys/wait.h>
#include <unistd.h>

static void spin(void *unused)
{
	(void)unused;
	for (volatile unsigned long n = 0;; n++)
		;
}

SCENARIO(busy_loop, .what = "a thread that spins for ever is busy", .moving = true)
{
	truth_verdict("busy", NULL);
	truth_ready();
	spin(NULL);
}

SCENARIO(busy_child, .what = "a parent waits for a child that spins for ever", .moving = true)
{
	pid_t child = spawn_child(spin, NULL);

	truth_verdict("busy", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	waitpid(child, NULL, 0);
}

static void copy(void *arg)
{
	int *p = arg;
	char bytes[4096];

	for (;;)
		if (write(p[1], bytes, sizeof(bytes)) < 0 || read(p[0], bytes, sizeof(bytes)) < 0)
			scenario_die("copy: %m");
}

SCENARIO(busy_moving_bytes, .what = "a parent waits for a child that moves bytes: it progresses",
	 .moving = true)
{
	int p[2];

	must(pipe(p));
	pid_t child = spawn_child(copy, p);
	truth_verdict("progressing", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_ready();
	waitpid(child, NULL, 0);
}
