/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.h - the kinds of wait, one line each. The order matters for `claims` and for system calls that
 * several kinds share: the first one that does not decline decodes.
 */
#pragma once

/* clang-format off */
#define SNAG_WAITS(X) \
	/* states that no system call tells */ \
	X(pidns) X(background) X(fanotify) \
	/* processes */ \
	X(child) X(pidfd) X(vfork) X(exec) \
	/* files */ \
	X(read) X(write) X(move) X(fifo_open) \
	X(pipe) X(pty) X(eventfd) X(timerfd) X(signalfd) X(events) X(disk) \
	/* locks */ \
	/* System V and POSIX queues and semaphores */
/* clang-format on */
