/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A parent that cannot go on before its child execs or exits. snag must find the vfork wait,
 * whatever the system call that made it, and what the child does instead of exec.
 */
#include "lib/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The parent is blocked in the call itself: a second thread, which lives on, states the truth about
 * it. */
static void observe(void *parent_tid)
{
	pid_t child = wait_child(getpid(), NULL);

	truth_hop(getpid(), *(pid_t *)parent_tid, "vfork", NULL, child);
	truth_hop(child, 0, "fifo-open", NULL, ANYBODY);
	truth_actor(child, getpid(), "vfork-exec|unknown");
	truth_not("idle");
	truth_not("progressing");
	truth_not("waiting-with-timeout");
	truth_ready();
	hang_dead(NULL);
}

/* posix_spawn opens a FIFO for the child's stdin, which nobody ever opens for writing. */
SCENARIO(posix_spawn_fifo, .what = "posix_spawn whose child blocks in a file action on a FIFO")
{
	const char *fifo = text("%s/fifo", scenario_dir());
	char *argv[] = { (char *)"true", NULL };
	posix_spawn_file_actions_t actions;
	pid_t self = getpid(), child;

	must(mkfifo(fifo, 0600));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, fifo, O_RDONLY, 0);
	spawn_thread(observe, &self);
	int rc = posix_spawnp(&child, "true", &actions, NULL, argv, environ);
	scenario_die("posix_spawn returned: %s", strerror(rc));
}

static void vfork_and_block(const char *fifo)
{
	pid_t child = vfork();

	if (child == 0) {
		if (open(fifo, O_RDONLY) < 0)
			_exit(1);
		_exit(0);
	}
}

SCENARIO(vfork_fifo, .what = "vfork whose child blocks before exec")
{
	const char *fifo = text("%s/fifo", scenario_dir());
	pid_t self = getpid();

	must(mkfifo(fifo, 0600));
	spawn_thread(observe, &self);
	vfork_and_block(fifo);
	scenario_die("vfork returned: %s", strerror(errno));
}
