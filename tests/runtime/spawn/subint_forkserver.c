/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subint_forkserver.c - a fork without exec, from a worker thread that never ran a loop.
 *
 * After a fork only the thread that called it is left. In the thread of a loop that would be the
 * middle of a task, on its stack, with an epoll set shared with the parent; a worker has nothing of
 * that. What the child inherits nevertheless, it gives back first (forks.h). It ends by _exit(2):
 * exit handlers and buffered output are the parent's.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/core/thread.h"
#include "runtime/core/tools.h"
#include "runtime/spawn/backend.h"
#include "runtime/spawn/backends.h"
#include "runtime/spawn/defects.h"
#include "runtime/spawn/forks.h"

/*
 * valgrind knows the stack of a first thread and those of tasks. Here a worker's is that of the
 * first thread: unless told, valgrind takes a switch from it to a task nearby for a call, and what
 * lies on it for dead.
 */
static void tell_stack(void)
{
#ifdef VALGRIND_STACK_REGISTER
	pthread_attr_t attr;
	size_t bytes;
	void *low;

	if (!RUNNING_ON_VALGRIND || pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	if (pthread_attr_getstack(&attr, &low, &bytes) == 0)
		(void)VALGRIND_STACK_REGISTER(low, (char *)low + bytes - 1);
	pthread_attr_destroy(&attr);
#endif
}

/* The new process, in what was the worker. */
__attribute__((noreturn)) static void be_actor(const struct grove_child *child)
{
	const struct grove_program *program = child->program;
	struct grove_boot boot = child->boot;
	int code;

	tell_stack();
	grove_forked_scrub(grove_spawn_defects()->fork_keeps_fds);
	code = grove_actor_main(program, &boot, NULL);
	fflush(stdout);
	_exit(code);
}

static pid_t fork_now(void)
{
	pid_t pid;

	if (!grove_spawn_defects()->fork_ignores_locks)
		return grove_fork();
	pid = fork();
	if (pid == 0)
		grove_after_fork_child();
	return pid;
}

/* In the worker. */
static int fork_actor(void *arg, struct grove_error *err)
{
	struct grove_child *child = arg;
	pid_t pid;
	int pidfd;

	fflush(stdout); /* or the child has a copy of what waits there */
	pid = fork_now();
	if (pid == 0)
		be_actor(child);
	if (pid < 0)
		return grove_error_set(err, -errno, "fork: %m");
	/* nobody has reaped it yet, so the number is still its own */
	pidfd = grove_pidfd_open(pid);
	if (pidfd < 0 && pidfd != -ENOSYS) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return grove_error_set(err, pidfd, "pidfd of %d: %s", (int)pid, strerror(-pidfd));
	}
	child->pid = pid;
	child->pidfd = pidfd < 0 ? -1 : pidfd;
	return 0;
}

static int subint_forkserver_spawn(struct grove_child *child, struct grove_error *err)
{
	char name[GROVE_THREAD_NAME];

	/* a cancel comes too late for a fork that has begun, and is seen afterwards */
	return grove_to_thread(grove_forked_name(child->boot.uid.name, name), fork_actor, child,
			       NULL, err);
}

const struct grove_backend grove_backend_subint_forkserver = {
	.name = "subint_forkserver",
	.method = "thread-fork",
	.text = "fork without exec, from a worker thread that never ran the loop",
	.spawn = subint_forkserver_spawn,
	.wait = grove_process_wait,
	.tell = grove_process_tell,
	.release = grove_process_release,
};
