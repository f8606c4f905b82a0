/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The global interpreter lock. A thread that wants it wakes 190 times a second and gets nowhere:
 * snag must not take that for progress, and must name the thread that holds it.
 */
#include "lib/scenario.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct python {
	pid_t pid, holder;
};

/* The last thread, once it is there. */
static bool has_thread(void *arg)
{
	struct python *p = arg;
	DIR *dir = opendir(text("/proc/%d/task", p->pid));

	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		if (atoi(e->d_name) > p->pid)
			p->holder = atoi(e->d_name);
	if (dir)
		closedir(dir);
	return p->holder != 0;
}

/* A C function that is called through PyDLL keeps the lock; this one never returns. */
static struct python start(const char *call)
{
	static const char before[] = "import ctypes, os, threading\n"
				     "libc = ctypes.PyDLL(None)\n"
				     "r, w = os.pipe()\n"
				     "buf = ctypes.create_string_buffer(1)\n";
	char *argv[] = {
		(char *)"python3", (char *)"-c",
		(char *)text("%sthreading.Thread(target=lambda: %s).start()\n", before, call), NULL
	};
	struct python p = { .pid = spawn_program(argv) };

	wait_until(has_thread, &p, "the thread runs");
	wait_blocked(p.pid, p.holder);
	return p;
}

SCENARIO(gil_held_dead, .needs = "python", .moving = true,
	 .what = "the main thread wants the GIL, whose holder can never go on")
{
	struct python p = start("libc.read(r, buf, 1)");

	truth_root(p.pid);
	truth_verdict("deadlock", NULL);
	truth_hop(p.pid, 0, "gil", NULL, p.pid);
	truth_hop(p.pid, p.holder, "pipe-read", NULL, p.pid);
	truth_says("GIL");
	truth_ready();
	waitpid(p.pid, NULL, 0);
}

SCENARIO(gil_held_sleeping, .needs = "python", .moving = true,
	 .what = "the main thread wants the GIL, whose holder sleeps: no deadlock")
{
	struct python p = start("libc.sleep(100000)");

	truth_root(p.pid);
	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(p.pid, 0, "gil", NULL, p.pid);
	truth_hop(p.pid, p.holder, "sleep", NULL, ANYBODY);
	truth_ready();
	waitpid(p.pid, NULL, 0);
}
