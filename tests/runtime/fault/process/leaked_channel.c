/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leaked_channel.c - descriptors leak through nested forks, so a channel never comes to its end.
 *
 * The leaf has a helper process that is to go when the leaf goes: it reads a pipe to its end. The
 * helper was forked by a helper, without an exec, and nobody closed what it inherited: the leaf's
 * channel to the root, and the writing end of its own pipe. Then the leaf leaves with _exit(2), as
 * a program in the middle of something does. Its parent reaps it, and waits for the end of the
 * channel to tell the caller that there will be no answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/fault/faults.h"

/* In the helper, a fork of a thread of a loop: system calls only. */
static void help(const int pipe[2], int told, bool off)
{
	pid_t self = (pid_t)syscall(SYS_getpid);
	char byte;

	signal(SIGINT, SIG_IGN); /* that of the terminal is for the leaf */
	signal(SIGTERM, SIG_DFL);
	if (write(told, &self, sizeof(self)) != sizeof(self))
		_exit(1);
	if (off) { /* all but the reading end */
		if (dup2(pipe[0], 0) < 0 || syscall(SYS_close_range, 1, ~0u, 0) < 0)
			_exit(1);
		while (read(0, &byte, 1) > 0)
			;
		_exit(0);
	}
	while (read(pipe[0], &byte, 1) > 0)
		;
	_exit(0);
}

/* Fork twice: the helper belongs to nobody. Its pid, or -errno. */
static pid_t start_helper(const int pipe[2], bool off)
{
	pid_t helper = -ECHILD, first;
	int told[2];

	if (pipe2(told, O_CLOEXEC) < 0)
		return -errno;
	_grove_close_ int hear = told[0];
	_grove_close_ int tell = told[1];
	first = fork();
	if (first < 0)
		return -errno;
	if (first == 0) {
		if (fork() == 0)
			help(pipe, tell, off);
		_exit(0);
	}
	while (waitpid(first, NULL, 0) < 0 && errno == EINTR)
		;
	if (read(hear, &helper, sizeof(helper)) != sizeof(helper))
		return -ECHILD;
	return helper;
}

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	(void)off;
	/* as supervisors do: what their children leave behind is theirs, and seen below them */
	if (grove_fault_level(grove_actor_uid(actor)->name) == 0 &&
	    prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return grove_error_set(err, -errno, "prctl: %m");
	return 0;
}

static int leaf(struct grove_fault_place *place, struct grove_error *err)
{
	char close_it[64];
	int pair[2];
	pid_t helper;

	if (pipe2(pair, O_CLOEXEC) < 0)
		return grove_error_set(err, -errno, "pipe: %m");
	helper = start_helper(pair, place->off);
	if (helper < 0)
		return grove_error_set(err, helper, "the helper does not start");
	grove_fault_other_waits(helper, "pipe-read", pair[0], helper);
	snprintf(close_it, sizeof(close_it), "close fd %d in pid %d",
		 grove_context_fd(place->above), (int)helper);
	grove_fault_culprit(helper, close_it, pair[0]);
	grove_fault_leaves(true);
	grove_fault_hangs();
	_exit(0);
}

const struct grove_fault grove_fault_leaked_channel = {
	.name = "leaked-channel",
	.text = "descriptors leaked through nested forks: a channel never comes to its end",
	.refuses = grove_fault_needs_process,
	.depth = 1,
	.breadth = 1,
	.hangs = 1,
	.off_code = 1, /* the call in the leaf has failed */
	.arm = arm,
	.leaf = leaf,
};
