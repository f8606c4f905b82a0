/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mp_forkserver.c - as multiprocessing with "forkserver": another process forks for us.
 *
 * Each process that starts actors has a fork server of its own, as there. So what is below an actor
 * in the tree of processes is what is below it in the tree of actors, and a kill finds all of it.
 * Who forked is not who asked: the child is the server's, which reaps it and says how it ended;
 * that it has ended a pidfd tells as well, when the server cannot any more.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/core/io.h"
#include "runtime/core/nursery.h"
#include "runtime/core/scope.h"
#include "runtime/core/truth.h"
#include "runtime/spawn/backend.h"
#include "runtime/spawn/backends.h"
#include "runtime/spawn/defects.h"
#include "runtime/spawn/forkserver.h"
#include "runtime/spawn/helper.h"

/* A fork takes a millisecond; a server that needs so long is stuck. */
#define ANSWER_NS (20 * GROVE_SECOND)

static struct server {
	struct grove_helper helper;
	pid_t pid; /* also of one that has ended */
} server = { .helper = GROVE_HELPER_INIT };

/* What is asked for; and, as child->own, what was. */
struct request {
	struct grove_child *child;
	int control, pidfd; /* copies of the server's */
	pid_t server;
	int line; /* our end */
	struct grove_fork_report answer;
	struct grove_scope *scope; /* around the question */
};

static void free_request(struct request *request)
{
	grove_close(request->control);
	grove_close(request->pidfd);
	grove_close(request->line);
	free(request);
}

static void request_guard(struct request **request)
{
	if (*request)
		free_request(*request);
}

/* ---- the server ------------------------------------------------------------------------------ */

/* With the lock held. */
static bool has_ended(void)
{
	return server.helper.child.pid == 0 || grove_helper_ended(&server.helper);
}

/* One that runs, as far as we can tell. With the lock held. */
static int need_server(struct grove_error *err)
{
	bool unwatched = grove_spawn_defects()->server_unwatched;
	bool had = server.helper.fd >= 0;
	int rc;

	if (had && (unwatched || !has_ended()))
		return 0;
	grove_helper_forget(&server.helper);
	rc = grove_helper_start(&server.helper, "mp_forkserver", err);
	if (rc < 0)
		return rc;
	if (had)
		grove_truth("fork-server-anew", grove_fact_int("pid", server.helper.child.pid),
			    grove_fact_int("dead", server.pid));
	server.pid = server.helper.child.pid;
	return 0;
}

/* Descriptors of our own: another task may find the server dead, and close its own. */
static int join_server(struct request *request, struct grove_error *err)
{
	int pidfd, rc;

	grove_helper_lock(&server.helper);
	rc = need_server(err);
	pidfd = server.helper.child.pidfd;
	if (rc == 0) {
		request->server = server.pid;
		request->control = fcntl(server.helper.fd, F_DUPFD_CLOEXEC, 3);
		request->pidfd = pidfd < 0 ? -1 : fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
		if (request->control < 0 || (pidfd >= 0 && request->pidfd < 0))
			rc = grove_error_set(err, -errno, "descriptor of the fork server: %m");
	}
	grove_helper_unlock();
	return rc;
}

/* The error of a request that a server took with it. */
static int tell_gone(const struct request *request, struct grove_error *err)
{
	char text[64] = "has closed its socket";

	grove_helper_lock(&server.helper);
	/* without a watch its socket has ended, and it may be about to */
	if (server.pid == request->server && has_ended())
		grove_end_text(&server.helper.child.end, text);
	grove_helper_unlock();
	return grove_error_set(err, -EPIPE, "the fork server (process %d) %s before it answered",
			       (int)request->server, text);
}

/* ---- a request ------------------------------------------------------------------------------- */

static int send_request(const struct request *request, int far_end)
{
	char text[GROVE_FORK_REQUEST], line[GROVE_BOOT_TEXT];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = text };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &space,
			      .msg_controllen = sizeof(space.bytes) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	iov.iov_len = (size_t)snprintf(text, sizeof(text), "%s %s",
				       grove_spawn_defects()->server_kept_open ? "keep" : "scrub",
				       grove_boot_print(&request->child->boot, line));
	*head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS,
				  .cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(head), &far_end, sizeof(int));
	n = grove_sendmsg(request->control, &msg);
	return n < 0 ? (int)n : 0;
}

/* A report, with the pidfd that came along (or -1). -EPIPE: none comes any more. */
static int recv_report(int line, struct grove_fork_report *report, int *pidfd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} space;
	struct iovec iov = { .iov_base = report, .iov_len = sizeof(*report) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &space,
			      .msg_controllen = sizeof(space.bytes) };
	ssize_t n = grove_recvmsg(line, &msg);
	struct cmsghdr *head = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;

	*pidfd = -1;
	if (head && head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(pidfd, CMSG_DATA(head), sizeof(int));
	if (n < 0)
		return n == -ECONNRESET ? -EPIPE : (int)n;
	return n == (ssize_t)sizeof(*report) ? 0 : -EPIPE;
}

/* The task that sees the end of the server while we wait for its answer. */
static int watch_server(void *arg, struct grove_error *err)
{
	struct request *request = arg;
	int rc = grove_wait_pidfd(request->pidfd, request->server);

	(void)err;
	if (rc == 0)
		grove_scope_cancel(request->scope, GROVE_CANCEL_CALL, "fork server",
				   "it has ended");
	return rc == -ECANCELED ? rc : 0;
}

/* Ask, and wait for the answer. 0: it is there, or the server has ended. */
static int ask(struct request *request, int far_end, struct grove_error *err)
{
	bool watched = !grove_spawn_defects()->server_unwatched;
	struct grove_nursery nursery;
	struct grove_scope scope;
	int rc;

	grove_fail_after(&scope, watched ? ANSWER_NS : GROVE_NEVER);
	grove_nursery_open(&nursery, "fork server");
	/* cppcheck-suppress autoVariables ; who reads it is a child of the nursery */
	request->scope = &nursery.scope;
	if (watched && request->pidfd >= 0)
		grove_spawn(&nursery, "watch", watch_server, request);
	rc = send_request(request, far_end);
	close(far_end); /* the server's alone from now on: so its end ends the line */
	if (rc == 0)
		rc = recv_report(request->line, &request->answer, &request->child->pidfd);
	if (rc == 0)
		grove_nursery_cancel(&nursery, "it has answered");
	if (rc == -EPIPE || rc == -ECONNRESET || rc == -ECONNREFUSED)
		rc = 0; /* it ends: the watch will see that */
	rc = grove_nursery_exit(&nursery, rc, err);
	rc = grove_scope_exit(&scope, rc, err);
	if (rc == -ETIMEDOUT)
		grove_error_set(err, rc, "the fork server (process %d) does not answer",
				(int)request->server);
	return rc;
}

static int judge(const struct request *request, int rc, struct grove_error *err)
{
	const struct grove_fork_report *answer = &request->answer;

	switch (answer->kind) {
	case GROVE_FORK_DONE:
		grove_error_clear(err); /* a cancel that came with it is seen afterwards */
		return 0;
	case GROVE_FORK_FAILED:
		return grove_error_set(err, -answer->code, "the fork server: fork: %s",
				       strerror(answer->code));
	default:
		return rc < 0 ? rc : tell_gone(request, err);
	}
}

static int give_order(const struct request *request, int kind, int sig)
{
	struct grove_fork_order order = { .kind = kind, .signal = sig };

	return send(request->line, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ?
		       -errno :
		       0;
}

/* ---- the backend ----------------------------------------------------------------------------- */

static int mp_forkserver_spawn(struct grove_child *child, struct grove_error *err)
{
	_grove_cleanup_(request_guard) struct request *request = grove_alloc(1, sizeof(*request));
	int rc, pair[2];

	request->child = child;
	request->control = request->pidfd = request->line = -1;
	rc = join_server(request, err);
	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return grove_error_set(err, -errno, "line to the fork server: %m");
	request->line = pair[0];
	rc = ask(request, pair[1], err);
	rc = judge(request, rc, err);
	if (rc < 0) {
		/* a child that was forked nevertheless ends with the line */
		grove_close(child->pidfd);
		child->pidfd = -1;
		return rc;
	}
	(void)give_order(request, GROVE_FORK_TAKE, 0); /* a server that has ended kills nobody */
	child->pid = request->answer.pid;
	child->forked_by = request->server;
	child->own = grove_steal(request);
	return 0;
}

/* Whether a process is there that does not only wait to be reaped. */
static bool lives(pid_t pid)
{
	char path[32], text[256] = "";

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	const char *end = strrchr(text, ')'); /* the name may hold anything */
	return end && end[1] == ' ' && end[2] != 'Z' && end[2] != 'X';
}

/* Neither a server nor a pidfd (valgrind): look again and again. */
static int wait_by_number(pid_t pid)
{
	int rc = 0;

	while (rc == 0 && lives(pid))
		rc = grove_sleep(2 * GROVE_MS);
	return rc;
}

static int mp_forkserver_wait(struct grove_child *child, struct grove_error *err)
{
	const struct request *own = child->own;
	struct grove_fork_report report = { .kind = 0 };
	struct grove_scope scope;
	int rc = 0, none;

	if (child->pidfd >= 0)
		rc = grove_wait_pidfd(child->pidfd, child->pid);
	if (rc < 0)
		return rc == -ECANCELED ? rc :
					  grove_error_set(err, rc, "wait for %d: %s",
							  (int)child->pid, strerror(-rc));
	grove_fail_after(&scope, child->pidfd >= 0 ? ANSWER_NS : GROVE_NEVER);
	rc = recv_report(own->line, &report, &none);
	rc = grove_scope_exit(&scope, rc, NULL);
	if (rc == -EPIPE && child->pidfd < 0)
		rc = wait_by_number(child->pid);
	if (rc == -ECANCELED)
		return rc;
	/* without a report from the server, nobody can tell how it ended */
	child->end.known = report.kind == GROVE_FORK_ENDED;
	child->end.code = report.code;
	child->end.signal = report.signal;
	return 0;
}

static int mp_forkserver_tell(struct grove_child *child, enum grove_tell how,
			      struct grove_error *err)
{
	int rc;

	if (child->pidfd >= 0)
		return grove_process_tell(child, how, err);
	rc = give_order(child->own, GROVE_FORK_SIGNAL, how == GROVE_TELL_KILL ? SIGKILL : SIGTERM);
	if (rc < 0 && lives(child->pid))
		return grove_error_set(err, rc,
				       "signal to %d: there is neither a fork server nor "
				       "a pidfd",
				       (int)child->pid);
	return 0;
}

static void mp_forkserver_release(struct grove_child *child)
{
	grove_process_release(child);
	free_request(child->own);
	child->own = NULL;
}

static void mp_forkserver_shutdown(const struct grove_program *program)
{
	struct grove_helper helper;

	(void)program;
	grove_helper_lock(&server.helper);
	helper = grove_helper_take(&server.helper);
	grove_helper_unlock();
	grove_helper_end(&helper, GROVE_HELPER_KILL);
}

static const struct grove_entry_point entries[] = {
	{ "mp_forkserver", grove_forkserver_main },
	{ NULL, NULL },
};

const struct grove_backend grove_backend_mp_forkserver = {
	.name = "mp_forkserver",
	.method = "forkserver",
	.text = "a fork server, started once a process, forks when it is asked to",
	.spawn = mp_forkserver_spawn,
	.wait = mp_forkserver_wait,
	.tell = mp_forkserver_tell,
	.release = mp_forkserver_release,
	.shutdown = mp_forkserver_shutdown,
	.entries = entries,
};
