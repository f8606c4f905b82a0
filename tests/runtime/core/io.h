/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.h - waiting for descriptors, processes and time; and the socket calls that wait.
 *
 * Descriptors are non-blocking (grove_nonblock()). One task may wait for reading and one for
 * writing on a descriptor, a second one gets -EBUSY. A wake-up may be spurious: try again, as the
 * calls here do. Close a descriptor that others may wait on with grove_close().
 */
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include "runtime/core/base.h"

/* Wait until `fd` can be read (or has an error or EOF). 0, -ECANCELED, -EBUSY, -EBADF (closed by
 * grove_close() meanwhile). A descriptor that epoll does not take (a regular file) is ready. */
GROVE_MUST_CHECK
int grove_wait_readable(int fd);

/* Wait until `fd` can be written. As grove_wait_readable(). */
GROVE_MUST_CHECK
int grove_wait_writable(int fd);

/* Wait until the process of `pidfd` has ended; `pid` is for the wait record only. It does not
 * reap. 0, -ECANCELED, -EBUSY, -EBADF. */
GROVE_MUST_CHECK
int grove_wait_pidfd(int pidfd, pid_t pid);

/* A pidfd of `pid`, close-on-exec; -ESRCH and others; -ENOSYS under valgrind. */
int grove_pidfd_open(pid_t pid);

/* Sleep. 0 or -ECANCELED; after_ns <= 0 is grove_checkpoint(). */
GROVE_MUST_CHECK
int grove_sleep(int64_t after_ns);

/* Sleep until an absolute time of grove_now_ns(). */
GROVE_MUST_CHECK
int grove_sleep_until(int64_t deadline_ns);

/* Sleep until cancelled: always -ECANCELED. */
int grove_sleep_forever(void);

/* Tell all who wait on `fd` that it is about to be closed (they get -EBADF), and forget it. */
void grove_forget_fd(int fd);

/* grove_forget_fd() and close(). A negative fd is ignored. Usable outside of a loop. */
void grove_close(int fd);

static inline void grove_close_fd_guard(int *fd)
{
	grove_close(*fd);
}
/* Like _grove_close_, for a descriptor that the loop knows. */
#define _grove_close_io_ _grove_cleanup_(grove_close_fd_guard)

/* Make `fd` non-blocking: 0 or -errno. */
int grove_nonblock(int fd);

/* read(2) that waits: bytes, 0 at the end, -ECANCELED, -errno. Nothing is lost by a cancel. */
GROVE_MUST_CHECK
ssize_t grove_read(int fd, void *to, size_t n);

/* write(2) (send with MSG_NOSIGNAL on a socket) that waits: bytes written, may be fewer than n. */
GROVE_MUST_CHECK
ssize_t grove_write(int fd, const void *from, size_t n);

/* Write all: 0 or -errno; *done (may be NULL) is how many bytes went out, also on failure. */
GROVE_MUST_CHECK
int grove_write_all(int fd, const void *from, size_t n, size_t *done);

/* Read exactly n bytes: 0; -EPIPE when it ended before; *done (may be NULL) as above. */
GROVE_MUST_CHECK
int grove_read_all(int fd, void *to, size_t n, size_t *done);

/* recvmsg(2) and sendmsg(2) that wait; DONTWAIT, NOSIGNAL and CMSG_CLOEXEC are added. */
GROVE_MUST_CHECK
ssize_t grove_recvmsg(int fd, struct msghdr *msg);
GROVE_MUST_CHECK
ssize_t grove_sendmsg(int fd, const struct msghdr *msg);

/*
 * accept4(2) that waits: a new non-blocking, close-on-exec descriptor, or -errno. Connections that
 * died in the queue are skipped. `addr` and `len` may be NULL.
 */
GROVE_MUST_CHECK
int grove_accept(int fd, struct sockaddr *addr, socklen_t *len);

/* connect(2) of a non-blocking socket that waits: 0 or -errno. On failure close the socket. */
GROVE_MUST_CHECK
int grove_connect(int fd, const struct sockaddr *addr, socklen_t len);
