/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/spawn/helper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/core/io.h"
#include "runtime/core/scope.h"
#include "runtime/core/tools.h"
#include "runtime/core/truth.h"

/* Ending takes a millisecond, on a machine that has one to spare. */
#define END_NS (10 * GROVE_SECOND)

static pthread_mutex_t helpers_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct grove_helper *helpers;

/* ---- all of this process --------------------------------------------------------------------- */

static void before_fork(void)
{
	pthread_mutex_lock(&helpers_lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&helpers_lock);
}

/* A copy of a descriptor would keep the parent's helper alive. */
static void in_child(void)
{
	pthread_mutex_init(&helpers_lock, NULL);
	for (struct grove_helper *helper = helpers; helper; helper = helper->next) {
		struct grove_helper was = grove_helper_take(helper);

		if (was.fd >= 0)
			close(was.fd);
		if (was.child.pidfd >= 0)
			close(was.child.pidfd);
	}
}

static void prepare(void)
{
	if (pthread_atfork(before_fork, after_fork, in_child) != 0)
		grove_bug("out of memory for a fork handler");
}

void grove_helper_lock(struct grove_helper *helper)
{
	pthread_once(&once, prepare);
	pthread_mutex_lock(&helpers_lock);
	if (helper->listed)
		return;
	helper->listed = true;
	helper->next = helpers;
	helpers = helper;
}

void grove_helper_unlock(void)
{
	pthread_mutex_unlock(&helpers_lock);
}

struct grove_helper grove_helper_take(struct grove_helper *helper)
{
	struct grove_helper taken = *helper;

	*helper = (struct grove_helper)GROVE_HELPER_INIT;
	helper->listed = taken.listed;
	helper->next = taken.next;
	return taken;
}

/* ---- its beginning --------------------------------------------------------------------------- */

int grove_helper_start(struct grove_helper *helper, const char *entry, struct grove_error *err)
{
	_grove_free_ char *exe = grove_process_exe(err);
	int pair[2];

	if (!exe)
		return err && err->code < 0 ? err->code : -ENOENT;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return grove_error_set(err, -errno, "socket pair of %s: %m", entry);
	char *argv[] = { exe, (char[]){ GROVE_ARG_ENTRY }, (char *)entry, NULL };
	struct grove_exec exec = { .argv = argv, .keep = &pair[1], .keep_count = 1 };
	int rc = grove_process_exec(&exec, err);

	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return grove_error_at(err, rc, "%s", entry);
	}
	helper->fd = pair[0];
	helper->child = (struct grove_child){ .pid = exec.pid, .pidfd = exec.pidfd };
	grove_truth("helper", grove_fact_text("name", entry), grove_fact_int("pid", exec.pid));
	return 0;
}

void grove_helper_enter(const char *name)
{
	prctl(PR_SET_NAME, name);
	signal(SIGINT, SIG_IGN);
}

/* ---- and its end ----------------------------------------------------------------------------- */

/* It closes its end by ending only, just before it can be reaped. */
static bool has_hung_up(const struct grove_helper *helper)
{
	struct pollfd item = { .fd = helper->fd };

	return helper->fd >= 0 && poll(&item, 1, 0) == 1 && (item.revents & POLLHUP);
}

bool grove_helper_ended(struct grove_helper *helper)
{
	struct grove_child *child = &helper->child;
	siginfo_t info = { .si_pid = 0 };
	int flags = WEXITED | (has_hung_up(helper) ? 0 : WNOHANG);

	if (child->pid == 0)
		return false;
	if (waitid(P_PID, (id_t)child->pid, &info, flags) == 0) {
		if (info.si_pid == 0)
			return false;
		child->end.known = true;
		child->end.code = info.si_code == CLD_EXITED ? info.si_status : -1;
		child->end.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	}
	/* or it is no child any more: somebody has reaped it */
	child->pid = 0;
	return true;
}

void grove_helper_forget(struct grove_helper *helper)
{
	grove_process_release(&helper->child);
	grove_close(helper->fd);
	helper->fd = -1;
	helper->child.pid = 0;
}

/* 0: it has ended and is reaped. */
static int wait_end(struct grove_helper *helper)
{
	struct grove_scope scope;
	int rc;

	grove_fail_after(&scope, grove_patience(END_NS));
	rc = grove_process_wait(&helper->child, NULL);
	return grove_scope_exit(&scope, rc, NULL);
}

void grove_helper_end(struct grove_helper *helper, enum grove_helper_stuck stuck)
{
	struct grove_child *child = &helper->child;
	int rc = 0;

	grove_close(helper->fd);
	helper->fd = -1;
	if (child->pid > 0)
		rc = wait_end(helper);
	if (rc < 0) {
		grove_truth("helper-stuck", grove_fact_int("pid", child->pid),
			    grove_fact_int("rc", rc), grove_fact_int("killed", stuck));
		if (stuck == GROVE_HELPER_KILL &&
		    grove_process_tell(child, GROVE_TELL_KILL, NULL) == 0)
			(void)wait_end(helper); /* what the kernel holds stays */
	}
	grove_helper_forget(helper);
}
