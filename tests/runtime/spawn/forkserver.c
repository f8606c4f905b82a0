/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forkserver.c - a loop of poll(2) in a process of its own. No grove loop runs here before a fork,
 * nor after it but in the child.
 */
#include "runtime/spawn/forkserver.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/spawn/forks.h"
#include "runtime/spawn/helper.h"

struct job {
	pid_t pid;
	int line;   /* to the requester; -1: closed */
	bool taken; /* the requester knows of it */
};

struct server {
	const struct grove_program *program;
	int control; /* -1: nobody is left to ask */
	int signals;
	struct job *jobs;
	size_t count, room;
	bool is_child;		/* in a process that we have forked */
	struct grove_boot boot; /* and who that is */
};

/* ---- the line of a child --------------------------------------------------------------------- */

static void close_line(struct job *job)
{
	if (job->line >= 0)
		close(job->line);
	job->line = -1;
}

/* A requester that is gone wants no reports. */
static void report(int line, const struct grove_fork_report *report, int pidfd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)report, .iov_len = sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pidfd >= 0) {
		msg.msg_control = &space;
		msg.msg_controllen = sizeof(space.bytes);
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

		*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
					  .cmsg_type = SCM_RIGHTS,
					  .cmsg_len = CMSG_LEN(sizeof(int)) };
		memcpy(CMSG_DATA(head), &pidfd, sizeof(int));
	}
	if (line >= 0)
		(void)sendmsg(line, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void take_orders(struct job *job)
{
	struct grove_fork_order order;
	ssize_t n = recv(job->line, &order, sizeof(order), MSG_DONTWAIT);

	if (n == (ssize_t)sizeof(order) && order.kind == GROVE_FORK_TAKE) {
		job->taken = true;
	} else if (n == (ssize_t)sizeof(order) && order.kind == GROVE_FORK_SIGNAL) {
		kill(job->pid, order.signal); /* not reaped: the number is its own */
	} else if (n >= 0 || (errno != EAGAIN && errno != EINTR)) {
		if (!job->taken)
			kill(job->pid, SIGKILL);
		close_line(job);
	}
}

/* ---- forks and ends -------------------------------------------------------------------------- */

/* In the child. What is open is the server's. */
static void become_child(struct server *server, bool keep)
{
	char name[GROVE_THREAD_NAME];

	server->is_child = true;
	grove_forked_scrub(keep);
	prctl(PR_SET_NAME, grove_forked_name(server->boot.uid.name, name));
}

static void add_job(struct server *server, pid_t pid, int line)
{
	if (server->count == server->room) {
		server->room = server->room ? 2 * server->room : 16;
		server->jobs = grove_realloc(server->jobs, server->room, sizeof(*server->jobs));
	}
	server->jobs[server->count++] = (struct job){ .pid = pid, .line = line };
}

static void fork_one(struct server *server, const char *request, int line)
{
	bool keep = strncmp(request, "keep ", 5) == 0;
	struct grove_fork_report failed = { .kind = GROVE_FORK_FAILED, .code = EINVAL };
	const char *boot = strchr(request, ' ');
	pid_t pid = -1;

	if (boot && grove_boot_parse(&server->boot, boot + 1, NULL) == 0) {
		pid = grove_fork();
		failed.code = errno;
	}
	if (pid == 0) {
		become_child(server, keep);
		return;
	}
	if (pid < 0) {
		report(line, &failed, -1);
		close(line);
		return;
	}
	_grove_close_ int pidfd = grove_pidfd_open(pid);
	struct grove_fork_report done = { .kind = GROVE_FORK_DONE, .pid = pid };

	add_job(server, pid, line);
	report(line, &done, pidfd);
}

/* The descriptor that came with a message, -1: none. */
static int passed_fd(struct msghdr *msg)
{
	struct cmsghdr *head = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
	    head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(head), sizeof(int));
	return fd;
}

static void take_request(struct server *server)
{
	char text[GROVE_FORK_REQUEST];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &space,
			      .msg_controllen = sizeof(space.bytes) };
	ssize_t n = recvmsg(server->control, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int line = n > 0 ? passed_fd(&msg) : -1;

	if (line >= 0) {
		text[n] = 0;
		fork_one(server, text, line);
	} else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(server->control);
		server->control = -1;
	}
}

static void on_end(struct server *server, pid_t pid, int status)
{
	struct grove_fork_report ended = { .kind = GROVE_FORK_ENDED, .pid = pid };

	ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	ended.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	for (size_t i = 0; i < server->count; i++) {
		if (server->jobs[i].pid != pid)
			continue;
		report(server->jobs[i].line, &ended, -1);
		close_line(&server->jobs[i]);
		server->jobs[i] = server->jobs[--server->count];
		return;
	}
}

static void reap(struct server *server)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	(void)!read(server->signals, &info, sizeof(info)); /* how many there are is not in it */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		on_end(server, pid, status);
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* One look at all descriptors. `polls` has room for those of all jobs and two more. */
static int serve_once(struct server *server, struct pollfd *polls)
{
	size_t count = server->count;

	polls[0] = (struct pollfd){ .fd = server->control, .events = POLLIN };
	polls[1] = (struct pollfd){ .fd = server->signals, .events = POLLIN };
	for (size_t i = 0; i < count; i++)
		polls[2 + i] = (struct pollfd){ .fd = server->jobs[i].line, .events = POLLIN };
	if (poll(polls, 2 + count, -1) < 0)
		return errno == EINTR ? 0 : -errno;
	for (size_t i = 0; i < count; i++)
		if (polls[2 + i].revents)
			take_orders(&server->jobs[i]);
	/* these two change the list */
	if (polls[1].revents)
		reap(server);
	if (polls[0].revents)
		take_request(server);
	return 0;
}

static int serve(struct server *server)
{
	_grove_free_ struct pollfd *polls = NULL;
	int rc = 0;

	while (rc == 0 && !server->is_child && (server->control >= 0 || server->count > 0)) {
		polls = grove_realloc(polls, server->count + 2, sizeof(*polls));
		rc = serve_once(server, polls);
	}
	return rc;
}

int grove_forkserver_main(const struct grove_program *program, int argc, char **argv)
{
	struct server server = { .program = program, .control = GROVE_HELPER_FD };
	sigset_t child;
	int rc;

	(void)argc;
	(void)argv;
	grove_helper_enter("grove-forksrv");
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &child, NULL);
	server.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	rc = server.signals < 0 ? -errno : serve(&server);
	free(server.jobs);
	if (server.is_child)
		return grove_actor_main(program, &server.boot, NULL);
	if (rc < 0)
		fprintf(stderr, "%s: fork server: %s\n", program->name, strerror(-rc));
	return rc < 0;
}
