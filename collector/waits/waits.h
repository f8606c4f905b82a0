/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.h - the kinds of wait, one line each. The order matters for `claims` and for system calls
 * that several kinds share: the first one that does not decline decodes.
 */
#pragma once

/* clang-format off */
#define SNAG_WAITS(X) \
	/* states that no system call tells */ \
	X(freeze) X(ptrace) \
	X(pidns) X(background) X(fanotify) \
	X(stop) X(userfault) X(fuse) X(seccomp) X(kernel_lock) X(lease) X(device) \
	/* processes */ \
	X(child) X(pidfd) X(vfork) X(exec) \
	/* files */ \
	X(unix_connect) X(accept) X(unix_stream) X(unix_dgram) X(tcp) X(udp) X(netlink) \
	X(other_socket) \
	X(read) X(write) X(move) X(fifo_open) \
	X(pipe) X(pty) X(eventfd) X(timerfd) X(signalfd) X(events) X(disk) \
	X(poll) X(select) X(epoll) X(uring) X(aio) \
	/* locks */ \
	X(futex) X(flock) X(record) X(sleep) X(sigwait) \
	/* System V and POSIX queues and semaphores */ \
	X(sysv_msg) X(sysv_sem) X(mq)
/* clang-format on */
