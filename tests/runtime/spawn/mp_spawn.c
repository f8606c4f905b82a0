/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mp_spawn.c - as multiprocessing with "spawn" (popen_spawn_posix.py): the program once more, which
 * is handed two descriptors: a pipe that it reads its spec from, and the resource tracker's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "runtime/spawn/backend.h"
#include "runtime/spawn/backends.h"
#include "runtime/spawn/tracker.h"

/* Where the new process finds them. */
enum { SPEC_FD = 3, TRACKER_FD = 4 };

/* A pipe that holds the spec already: one line fits into an empty one, so this does not wait. */
static int fill_pipe(const struct grove_boot *boot, struct grove_error *err)
{
	char line[GROVE_BOOT_TEXT + 1];
	int ends[2];
	size_t size;

	grove_boot_print(boot, line);
	size = strlen(line);
	line[size++] = '\n';
	if (pipe2(ends, O_CLOEXEC) < 0)
		return grove_error_set(err, -errno, "pipe for the spec: %m");
	if (write(ends[1], line, size) != (ssize_t)size) {
		int rc = grove_error_set(err, -EIO, "the spec does not fit into its pipe");

		close(ends[0]);
		close(ends[1]);
		return rc;
	}
	close(ends[1]);
	return ends[0];
}

static int mp_spawn_spawn(struct grove_child *child, struct grove_error *err)
{
	_grove_free_ char *exe = grove_process_exe(err);
	int rc;

	if (!exe)
		return err && err->code < 0 ? err->code : -ENOENT;
	_grove_close_ int tracker = grove_tracker_need(err);
	if (tracker < 0)
		return tracker;
	_grove_close_ int spec = fill_pipe(&child->boot, err);
	if (spec < 0)
		return spec;
	const int keep[] = { spec, tracker };
	char *argv[] = { exe, (char[]){ GROVE_ARG_ENTRY }, (char[]){ "mp_spawn" }, NULL };
	struct grove_exec exec = { .argv = argv, .keep = keep, .keep_count = 2 };
	rc = grove_process_exec(&exec, err);
	if (rc < 0)
		return rc;
	child->pid = exec.pid;
	child->pidfd = exec.pidfd;
	return 0;
}

static int read_spec(struct grove_boot *boot, struct grove_error *err)
{
	char line[GROVE_BOOT_TEXT + 1];
	size_t size = 0;
	ssize_t n = 1;
	char *end = NULL;

	while (!end && size < sizeof(line) && n != 0) {
		n = read(SPEC_FD, line + size, sizeof(line) - size);
		if (n < 0 && errno != EINTR)
			return grove_error_set(err, -errno, "pipe with the spec: %m");
		if (n > 0) {
			size += (size_t)n;
			end = memchr(line, '\n', size);
		}
	}
	close(SPEC_FD);
	if (!end)
		return grove_error_set(err, -EPIPE, "the pipe with the spec has no line");
	*end = 0;
	return grove_boot_parse(boot, line, err);
}

/* The new process. */
static int mp_spawn_main(const struct grove_program *program, int argc, char **argv)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_boot boot;

	(void)argc;
	(void)argv;
	if (read_spec(&boot, &err) < 0) {
		fprintf(stderr, "%s: %s\n", program->name, err.text);
		return 2;
	}
	grove_tracker_adopt(TRACKER_FD);
	return grove_actor_main(program, &boot, NULL);
}

static void mp_spawn_shutdown(const struct grove_program *program)
{
	(void)program;
	grove_tracker_shutdown();
}

static const struct grove_entry_point entries[] = {
	{ "mp_spawn", mp_spawn_main },
	{ "mp_tracker", grove_tracker_main },
	{ NULL, NULL },
};

const struct grove_backend grove_backend_mp_spawn = {
	.name = "mp_spawn",
	.method = "vfork-exec",
	.text = "the program started with a pipe for its spec and a resource tracker",
	.spawn = mp_spawn_spawn,
	.wait = grove_process_wait,
	.tell = grove_process_tell,
	.release = grove_process_release,
	.shutdown = mp_spawn_shutdown,
	.on_file = grove_tracker_file,
	.entries = entries,
};
