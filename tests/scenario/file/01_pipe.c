/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes. snag must find the other end's holders, on both sides and for every call that may block.
 */
#include "lib/scenario.h"

#include <unistd.h>

struct ends {
	int read, write;
};

static void reader(void *arg)
{
	struct ends *e = arg;
	char byte;

	close(e->write);
	if (read(e->read, &byte, 1) < 0)
		scenario_die("read: %m");
}

/* Two processes, two pipes, each reads what the other never writes. */
SCENARIO(pipe_ring, .what = "two processes read from each other")
{
	int down[2], up[2];

	must(pipe(down));
	must(pipe(up));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(up[0]);
		reader(&(struct ends){ down[0], down[1] });
	}
	close(up[1]);
	close(down[0]);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(up[0]), child);
	truth_hop(child, 0, "pipe-read", key_of_fd(down[1]), getpid());
	truth_ready();
	char byte;
	if (read(up[0], &byte, 1) < 0)
		scenario_die("read: %m");
}
