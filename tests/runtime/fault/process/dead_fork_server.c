/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dead_fork_server.c - the fork server was killed, and a request to it waits for ever.
 *
 * The actors that it has forked have its socket by inheritance, so a request is taken by the kernel
 * and read by nobody; and nobody watches the server's process.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "runtime/core/io.h"
#include "runtime/fault/parts.h"
#include "runtime/spawn/defects.h"
#include "runtime/spawn/helper.h"

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	(void)actor;
	(void)err;
	grove_spawn_defects()->server_kept_open = !off;
	grove_spawn_defects()->server_unwatched = !off;
	return 0;
}

/* State and parent of a process: proc(5), stat fields 3 and 4. False: it is gone. */
static bool read_stat(pid_t pid, char *state, int *parent)
{
	char path[64], line[512] = "";
	const char *rest;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, line, sizeof(line) - 1) <= 0)
		return false;
	rest = strrchr(line, ')');
	return rest && sscanf(rest, ") %c %d", state, parent) == 2;
}

/* Who forked the leaf dies, as by the kernel's hand when memory is short. */
static int kill_server(pid_t leaf, pid_t *server, struct grove_error *err)
{
	char state = 0;
	int unused, rc = 0;

	if (!read_stat(leaf, &state, server))
		return grove_error_set(err, -ESRCH, "the leaf is gone");
	if (kill(*server, SIGKILL) < 0)
		return grove_error_set(err, -errno, "the fork server %d: %m", *server);
	while (rc == 0 && read_stat(*server, &state, &unused) && state != 'Z')
		rc = grove_sleep(GROVE_MS);
	return rc;
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	pid_t heir = grove_actors_pid(place->actors, place->portals[0]);
	struct grove_start_opts opts = { .name = "late", .timeout_ns = GROVE_NEVER };
	struct grove_portal *portal;
	pid_t server = 0;
	int rc = kill_server(heir, &server, err);

	if (rc < 0)
		return rc;
	/* the server's socket, at the number where the server had it */
	grove_fault_culprit_has(heir, GROVE_HELPER_FD);
	grove_fault_finding("zombie", server, -1);
	grove_fault_hangs();
	rc = grove_actors_start(place->actors, &opts, &portal, err);
	if (rc == 0)
		rc = grove_context_close(grove_steal(place->contexts[0]), 0, NULL, err);
	return rc < 0 ? rc : GROVE_FAULT_DONE;
}

static const char *refuses(const struct grove_backend *backend)
{
	return strcmp(backend->name, "mp_forkserver") == 0 ? NULL : "it has no fork server";
}

const struct grove_fault grove_fault_dead_fork_server = {
	.name = "dead-fork-server",
	.text = "a dead fork server",
	.refuses = refuses,
	.depth = 1,
	.breadth = 1,
	.hangs = 1,
	.arm = arm,
	.leaf = grove_fault_ends,
	.node = node,
};
