/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/fault/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>

enum { FD_HIGHEST = 1024 };

int grove_fault_arm_patient(struct grove_actor *actor, bool off, struct grove_error *err)
{
	(void)err;
	grove_actor_defects(actor)->ladder_waits = !off;
	return 0;
}

int grove_fault_ends(struct grove_fault_place *place, struct grove_error *err)
{
	(void)place;
	(void)err;
	return GROVE_FAULT_DONE;
}

int grove_fault_awaits_exits(struct grove_fault_place *place, struct grove_error *err)
{
	(void)err;
	for (size_t i = 0; i < place->count; i++) {
		pid_t pid = grove_actors_pid(place->actors, place->portals[i]);

		if (pid > 0 && pid != getpid())
			grove_fault_waits("child-exit|process-exit", -1, pid);
	}
	return 0;
}

int grove_fault_open(struct grove_portal *portal, const char *path, struct grove_context **ret,
		     struct grove_error *err)
{
	struct grove_value plan = grove_map();

	grove_value_set(&plan, "depth", grove_int(0));
	grove_value_set(&plan, "breadth", grove_int(0));
	grove_value_set(&plan, "path", grove_str(path));
	return grove_portal_open(portal, "tree.node", plan, ret, err);
}

bool grove_fault_is_first(const struct grove_fault_place *place)
{
	const char *dot = strrchr(place->path, '.');

	return dot && strcmp(dot, ".0") == 0;
}

int grove_fault_help(bool inherits, struct grove_fault_helper *ret, struct grove_error *err)
{
	char *const argv[] = { (char[]){ "cat" }, NULL };
	posix_spawn_file_actions_t files;
	int input[2], rc;

	if (pipe2(input, O_CLOEXEC) < 0)
		return grove_error_set(err, -errno, "pipe: %m");
	if (inherits)
		fcntl(input[1], F_SETFD, 0);
	posix_spawn_file_actions_init(&files);
	rc = posix_spawn_file_actions_adddup2(&files, input[0], STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY,
						      0);
	if (rc == 0)
		rc = posix_spawnp(&ret->pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	close(input[0]);
	ret->input = input[1];
	if (rc == 0)
		return 0;
	close(input[1]);
	return grove_error_set(err, -rc, "start %s: %s", argv[0], strerror(rc));
}

int grove_fault_listener(struct grove_error *err)
{
	for (int fd = 3; fd < FD_HIGHEST; fd++) {
		struct sockaddr_storage at = { .ss_family = AF_UNSPEC };
		socklen_t size = sizeof(int), at_size = sizeof(at);
		int listens = 0;

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
		    getsockname(fd, (struct sockaddr *)&at, &at_size) == 0 &&
		    (at.ss_family == AF_INET || at.ss_family == AF_INET6))
			return fd;
	}
	return grove_error_set(err, -ENOTSOCK, "this actor does not listen on TCP");
}

void grove_fault_block(void)
{
	int pair[2];
	char byte;

	if (pipe2(pair, O_CLOEXEC) < 0)
		grove_bug("pipe: %m");
	for (;;) /* signals interrupt it, and change nothing */
		if (read(pair[0], &byte, 1) < 0 && errno != EINTR)
			grove_bug("read: %m");
}
