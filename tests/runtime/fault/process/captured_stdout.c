/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * captured_stdout.c - who captures the output of a child waits for its exit before it reads.
 *
 * The actor in the middle puts a pipe in the place of its stdout, which the leaf inherits, and
 * wants to look at the output when the leaf is done. The leaf writes more than a pipe holds.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/fault/faults.h"

enum { LINES = 4096, LINE = 64 };

static int captured = -1; /* where the output can be read */

/* Without the defect: read as it comes. */
static int drain(void *unused, struct grove_error *err)
{
	char bytes[4096];
	ssize_t n = 1;

	(void)unused;
	(void)err;
	while (n > 0)
		n = grove_read(captured, bytes, sizeof(bytes));
	return (int)n;
}

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	int pair[2];

	if (grove_fault_level(grove_actor_uid(actor)->name) != 1)
		return 0;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return grove_error_set(err, -errno, "pipe: %m");
	captured = pair[0];
	if (dup2(pair[1], STDOUT_FILENO) < 0)
		return grove_error_set(err, -errno, "dup2: %m");
	close(pair[1]);
	if (!off)
		return 0;
	grove_spawn(grove_system_nursery(), "captured output", drain, NULL);
	return grove_nonblock(captured);
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	(void)err;
	if (place->level == 1)
		grove_fault_culprit(getpid(), NULL, captured);
	return 0;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	char line[LINE];

	(void)place;
	memset(line, '.', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	grove_fault_waits("pipe-write", STDOUT_FILENO, 0);
	grove_fault_hangs();
	for (int i = 0; i < LINES; i++)
		if (write(STDOUT_FILENO, line, sizeof(line)) < 0)
			return grove_error_set(err, -errno, "stdout: %m");
	return GROVE_FAULT_DONE;
}

const struct grove_fault grove_fault_captured_stdout = {
	.name = "captured-stdout",
	.text = "stdout captured into a full pipe whose reader waits for the exit",
	.refuses = grove_fault_needs_process,
	.depth = 2,
	.breadth = 1,
	.hangs = 1,
	.arm = arm,
	.leaf = leaf,
	.node = node,
};
