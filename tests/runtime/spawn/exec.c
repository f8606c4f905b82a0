/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.c - the program once more, as a new process; all it gets is the boot line.
 */
#include <errno.h>
#include <stddef.h>

#include "runtime/spawn/backend.h"
#include "runtime/spawn/backends.h"

static int exec_spawn(struct grove_child *child, struct grove_error *err)
{
	char line[GROVE_BOOT_TEXT];
	_grove_free_ char *exe = grove_process_exe(err);

	if (!exe)
		return err && err->code < 0 ? err->code : -ENOENT;
	grove_boot_print(&child->boot, line);
	char *argv[] = { exe, (char[]){ GROVE_ARG_ACTOR }, line, NULL };
	struct grove_exec exec = { .argv = argv };
	int rc = grove_process_exec(&exec, err);
	if (rc < 0)
		return rc;
	child->pid = exec.pid;
	child->pidfd = exec.pidfd;
	return 0;
}

const struct grove_backend grove_backend_exec = {
	.name = "exec",
	.method = "vfork-exec",
	.text = "posix_spawn of the program; all it is told comes over the channel",
	.spawn = exec_spawn,
	.wait = grove_process_wait,
	.tell = grove_process_tell,
	.release = grove_process_release,
};
