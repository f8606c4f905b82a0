/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FIFOs. snag must find who waits for a partner at open, and treat an open FIFO as a pipe.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *fifo_make(const char *name)
{
	const char *path = text("%s/%s", scenario_dir(), name);

	must(mkfifo(path, 0600));
	return path;
}

static void open_read(void *path)
{
	must(open(path, O_RDONLY));
}

static void open_write(void *path)
{
	must(open(path, O_WRONLY));
}

/* Anybody could open the other end, but nobody has it: it may be called stuck or dead, never alive.
 */
static void truth_no_partner(pid_t pid)
{
	truth_not("progressing");
	truth_not("busy");
	truth_not("waiting-with-timeout");
	truth_hop(getpid(), 0, "child-exit", NULL, pid);
	truth_hop(pid, 0, "fifo-open", NULL, ANYBODY);
}

SCENARIO(fifo_open_read, .what = "a child opens a FIFO to read, nobody ever writes")
{
	pid_t child = spawn_child(open_read, (void *)fifo_make("in"));

	truth_no_partner(child);
	truth_says("%s/in", scenario_dir());
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(fifo_open_write, .what = "a child opens a FIFO to write, nobody ever reads")
{
	pid_t child = spawn_child(open_write, (void *)fifo_make("out"));

	truth_no_partner(child);
	truth_says("%s/out", scenario_dir());
	truth_ready();
	waitpid(child, NULL, 0);
}

/* Both ends are open here: it is a pipe with a name. */
SCENARIO(fifo_read, .what = "a FIFO is read whose writer can never go on")
{
	const char *path = fifo_make("fifo");
	char byte;

	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		must(open(path, O_WRONLY));
		hang_dead(NULL);
	}
	int fd = (int)must(open(path, O_RDONLY));
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-read", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
}

/* Two processes that open two FIFOs in opposite order: each waits where the other is not yet. */
static void open_other_way(void *arg)
{
	const char **paths = arg;

	must(open(paths[1], O_RDONLY));
	must(open(paths[0], O_WRONLY));
}

SCENARIO(fifo_crossed, .what = "two FIFOs opened in opposite order")
{
	const char *paths[] = { fifo_make("one"), fifo_make("two") };
	pid_t child = spawn_child(open_other_way, paths);

	truth_not("progressing");
	truth_not("waiting-with-timeout");
	truth_hop(getpid(), 0, "fifo-open", NULL, ANYBODY);
	truth_wait(child, 0, "fifo-open", NULL, ANYBODY);
	truth_ready();
	must(open(paths[0], O_RDONLY));
}
