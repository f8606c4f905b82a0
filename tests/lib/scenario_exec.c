/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running the program under test: with a limit, its output in memory, its exit status as the shell
 * has it.
 */
#include "scenario_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const uint64_t command_limit_ns = 30000000000ull;

static void command_exec(char *const argv[], int out, int err)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	execvp(argv[0], argv);
	dprintf(2, "exec of %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/* Take what has come; -1 for the fd once its end is reached. */
static void drain(struct pollfd *p, struct strbuf *into)
{
	char bytes[65536];

	if (p->fd < 0 || p->revents == 0)
		return;
	ssize_t n = read(p->fd, bytes, sizeof(bytes));
	if (n > 0) {
		strbuf_addn(into, bytes, (size_t)n);
		return;
	}
	if (n < 0 && errno == EINTR)
		return;
	close(p->fd);
	p->fd = -1;
}

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void command_run(struct command *c, char *const argv[])
{
	int out[2], err[2], status;

	*c = (struct command){ .status = -1 };
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0) {
		perror("pipe2");
		exit(CASE_FAILED);
	}
	pid_t pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(CASE_FAILED);
	}
	if (pid == 0)
		command_exec(argv, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	struct pollfd fds[2] = { { .fd = out[0], .events = POLLIN },
				 { .fd = err[0], .events = POLLIN } };
	uint64_t end = now_ns() + command_limit_ns;
	bool killed = false;
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (now_ns() > end && !killed) {
			kill(pid, SIGKILL);
			killed = true;
		}
		if (poll(fds, 2, 200) < 0 && errno != EINTR)
			break;
		drain(&fds[0], &c->out);
		drain(&fds[1], &c->err);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	c->status = killed ? -1 : status_of(status);
}

void command_release(struct command *c)
{
	strbuf_release(&c->out);
	strbuf_release(&c->err);
}
