/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.c - tasks that wait for descriptors and time.
 *
 * Descriptors stand in the epoll set with EPOLLONESHOT: an event disarms them, so one that nobody
 * waits for causes no wake-ups. What epoll knows is not what we think it knows when a descriptor
 * was closed without grove_close() and its number used again; both ways of that are mended when
 * the number is armed the next time.
 */
#include "runtime/core/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/un.h>

#if defined(__has_include) && __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#include "runtime/core/inside.h"

struct grove_watch {
	struct grove_task *reader;
	struct grove_task *writer;
	uint32_t closes; /* how often grove_close() was called on this number */
	bool known;	 /* we have put it into the epoll set and not taken it out */
};

static struct grove_loop *loop_here(const char *what)
{
	struct grove_loop *loop = grove_loop_current();

	if (!loop || !loop->current)
		grove_bug("%s outside of a task", what);
	return loop;
}

/* ---- the epoll set -----------------------------------------------------------------------------
 */

static struct grove_watch *watch_get(struct grove_loop *loop, int fd)
{
	size_t need = (size_t)fd + 1;

	if (need > loop->watch_count) {
		size_t count = need + need / 2 + 16;

		loop->watches = grove_realloc(loop->watches, count, sizeof(*loop->watches));
		memset(loop->watches + loop->watch_count, 0,
		       (count - loop->watch_count) * sizeof(*loop->watches));
		loop->watch_count = count;
	}
	return &loop->watches[fd];
}

/* Ask epoll for what the waiters of `fd` want. 0 or -errno. */
static int arm(struct grove_loop *loop, int fd, struct grove_watch *watch)
{
	struct epoll_event event = { .events = EPOLLONESHOT, .data.fd = fd };
	int epoll_fd = loop->epoll_fd;

	if (watch->reader)
		event.events |= EPOLLIN | EPOLLRDHUP;
	if (watch->writer)
		event.events |= EPOLLOUT;
	if (watch->known) {
		if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event) == 0)
			return 0;
		/* Closed behind our back; the number means another file now, or none. */
		watch->known = false;
		if (errno != ENOENT)
			return -errno;
	}
	int rc = epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);

	if (rc != 0 && errno == EEXIST)
		rc = epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
	if (rc != 0)
		return -errno;
	watch->known = true;
	return 0;
}

/* After a waiter left: keep the other one armed, or leave the set. */
static void disarm(struct grove_loop *loop, int fd, struct grove_watch *watch)
{
	if (!watch->known)
		return;
	if (watch->reader || watch->writer) {
		arm(loop, fd, watch);
		return;
	}
	/* Fails when the descriptor was closed: then it is out already. */
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	watch->known = false;
}

static void wake(struct grove_task **slot, int rc)
{
	struct grove_task *task = *slot;

	*slot = NULL;
	if (task)
		grove_unpark(task, rc);
}

void grove_io_event(struct grove_loop *loop, int fd, uint32_t events)
{
	if (fd < 0 || (size_t)fd >= loop->watch_count)
		return;
	struct grove_watch *watch = &loop->watches[fd];

	if (events & ~(uint32_t)EPOLLOUT)
		wake(&watch->reader, 0);
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		wake(&watch->writer, 0);
	/* One side still waits; its descriptor has to be armed anew. A failure is its news. */
	if (watch->reader || watch->writer) {
		int rc = arm(loop, fd, watch);

		if (rc < 0) {
			wake(&watch->reader, rc);
			wake(&watch->writer, rc);
		}
	}
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

static bool stop_reading(struct grove_task *task, void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct grove_watch *watch = &task->loop->watches[fd];

	watch->reader = NULL;
	disarm(task->loop, fd, watch);
	return true;
}

static bool stop_writing(struct grove_task *task, void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct grove_watch *watch = &task->loop->watches[fd];

	watch->writer = NULL;
	disarm(task->loop, fd, watch);
	return true;
}

static int wait_fd(int fd, uint32_t kind, pid_t pid, bool writing)
{
	struct grove_loop *loop = loop_here("waiting for a descriptor");
	struct grove_wait wait = grove_wait_of(kind, NULL, NULL);
	int rc = grove_check();

	if (rc < 0)
		return rc;
	if (fd < 0)
		return -EBADF;
	struct grove_watch *watch = watch_get(loop, fd);
	struct grove_task **slot = writing ? &watch->writer : &watch->reader;

	if (*slot)
		return -EBUSY;
	*slot = loop->current;
	rc = arm(loop, fd, watch);
	if (rc < 0) {
		*slot = NULL;
		/* epoll does not take regular files: they never block. */
		return rc == -EPERM ? grove_checkpoint() : rc;
	}
	wait.fd = fd;
	wait.pid = pid;
	uint32_t closes = watch->closes;

	rc = grove_park(&wait, writing ? stop_writing : stop_reading, (void *)(intptr_t)fd);
	/* Closed after it had become ready and before we ran: the number is not ours any more. */
	return rc == 0 && watch_get(loop, fd)->closes != closes ? -EBADF : rc;
}

int grove_wait_readable(int fd)
{
	return wait_fd(fd, SNAG_RT_WAIT_READABLE, 0, false);
}

int grove_wait_writable(int fd)
{
	return wait_fd(fd, SNAG_RT_WAIT_WRITABLE, 0, true);
}

int grove_wait_pidfd(int pidfd, pid_t pid)
{
	return wait_fd(pidfd, SNAG_RT_WAIT_PROCESS, pid, false);
}

int grove_pidfd_open(pid_t pid)
{
	/* Up to 3.19 it does not know the call, and says so at length. */
	if (RUNNING_ON_VALGRIND)
		return -ENOSYS;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

void grove_forget_fd(int fd)
{
	struct grove_loop *loop = grove_loop_current();

	if (!loop || fd < 0)
		return;
	struct grove_watch *watch = watch_get(loop, fd);

	watch->closes++;
	wake(&watch->reader, -EBADF);
	wake(&watch->writer, -EBADF);
	disarm(loop, fd, watch);
}

void grove_close(int fd)
{
	if (fd < 0)
		return;
	grove_forget_fd(fd);
	close(fd);
}

/* ---- time --------------------------------------------------------------------------------------
 */

static void wake_sleeper(struct grove_timer *timer)
{
	grove_unpark(grove_of(timer, struct grove_task, timer), 0);
}

static bool stop_sleep(struct grove_task *task, void *arg)
{
	(void)arg;
	grove_timer_stop(task->loop, &task->timer);
	return true;
}

int grove_sleep_until(int64_t deadline_ns)
{
	struct grove_loop *loop = loop_here("sleeping");
	struct grove_task *task = loop->current;
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_SLEEP, NULL, NULL);

	if (deadline_ns == GROVE_NEVER)
		return grove_sleep_forever();
	if (deadline_ns <= grove_now_ns())
		return grove_checkpoint();
	wait.deadline_ns = deadline_ns;
	task->timer.fire = wake_sleeper;
	grove_timer_set(loop, &task->timer, deadline_ns);
	return grove_park(&wait, stop_sleep, NULL);
}

int grove_sleep(int64_t after_ns)
{
	return grove_sleep_until(grove_deadline_after(after_ns));
}

static bool stop_forever(struct grove_task *task, void *arg)
{
	(void)task;
	(void)arg;
	return true;
}

int grove_sleep_forever(void)
{
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_FOREVER, NULL, NULL);

	return grove_park(&wait, stop_forever, NULL);
}

/* ---- calls that wait ---------------------------------------------------------------------------
 */

int grove_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

static bool would_block(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* After a call gave `n`: its result, or 0 and *again after a wait or an interrupt. */
static ssize_t settle(int fd, ssize_t n, bool writing, bool *again)
{
	*again = false;
	if (n >= 0) {
		grove_pace();
		return n;
	}
	if (errno == EINTR) {
		*again = true;
		return 0;
	}
	if (!would_block(n))
		return -errno;
	int rc = writing ? grove_wait_writable(fd) : grove_wait_readable(fd);

	*again = rc == 0;
	return rc;
}

ssize_t grove_read(int fd, void *to, size_t n)
{
	ssize_t rc = grove_check();
	bool again = rc == 0;

	while (again)
		rc = settle(fd, read(fd, to, n), false, &again);
	return rc;
}

/* A socket whose peer is gone must not kill the program with SIGPIPE; a pipe knows no flags. */
static ssize_t write_quietly(int fd, const void *from, size_t n)
{
	ssize_t done = send(fd, from, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (done < 0 && errno == ENOTSOCK)
		return write(fd, from, n);
	return done;
}

ssize_t grove_write(int fd, const void *from, size_t n)
{
	ssize_t rc = grove_check();
	bool again = rc == 0;

	while (again)
		rc = settle(fd, write_quietly(fd, from, n), true, &again);
	return rc;
}

int grove_write_all(int fd, const void *from, size_t n, size_t *done)
{
	const char *bytes = from;
	size_t sent = 0;
	ssize_t rc = 0;

	while (sent < n) {
		rc = grove_write(fd, bytes + sent, n - sent);
		if (rc < 0)
			break;
		sent += (size_t)rc;
	}
	if (done)
		*done = sent;
	return rc < 0 ? (int)rc : 0;
}

int grove_read_all(int fd, void *to, size_t n, size_t *done)
{
	char *bytes = to;
	size_t got = 0;
	ssize_t rc = 1;

	while (got < n && rc > 0) {
		rc = grove_read(fd, bytes + got, n - got);
		if (rc > 0)
			got += (size_t)rc;
	}
	if (done)
		*done = got;
	if (rc < 0)
		return (int)rc;
	return got < n ? -EPIPE : 0;
}

ssize_t grove_recvmsg(int fd, struct msghdr *msg)
{
	ssize_t rc = grove_check();
	bool again = rc == 0;

	while (again)
		rc = settle(fd, recvmsg(fd, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), false, &again);
	return rc;
}

ssize_t grove_sendmsg(int fd, const struct msghdr *msg)
{
	ssize_t rc = grove_check();
	bool again = rc == 0;

	while (again)
		rc = settle(fd, sendmsg(fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL), true, &again);
	return rc;
}

/* accept(2): "errors already pending on the new socket" concern the one that died, not us. */
static bool died_in_queue(int code)
{
	switch (code) {
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

int grove_accept(int fd, struct sockaddr *addr, socklen_t *len)
{
	ssize_t rc = grove_check();
	bool again = rc == 0;
	socklen_t space = len ? *len : 0;

	while (again) {
		if (len)
			*len = space;
		/* NULL is as good, see accept(2). */
		/* cppcheck-suppress nullPointerRedundantCheck */
		int got = accept4(fd, addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (got < 0 && died_in_queue(errno))
			continue;
		rc = settle(fd, got, false, &again);
	}
	return (int)rc;
}

static int connect_result(int fd)
{
	int code = 0;
	socklen_t len = sizeof(code);
	int rc = grove_wait_writable(fd);

	if (rc < 0)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len) != 0)
		return -errno;
	return -code;
}

int grove_connect(int fd, const struct sockaddr *addr, socklen_t len)
{
	struct grove_loop *loop = loop_here("connecting");
	int64_t pause_ns = GROVE_MS;
	int rc = grove_check();

	if (rc < 0)
		return rc;
	if (fd < 0)
		return -EBADF;
	uint32_t closes = watch_get(loop, fd)->closes;

	while (connect(fd, addr, len) != 0) {
		if (errno == EINPROGRESS)
			return connect_result(fd);
		if (errno == EINTR)
			continue;
		/* A unix socket whose queue is full: nothing tells when there is room again
		 * (unix_stream_connect() waits on the other socket). */
		if (errno != EAGAIN || addr->sa_family != AF_UNIX)
			return -errno;
		rc = grove_sleep(pause_ns);
		if (rc == 0 && watch_get(loop, fd)->closes != closes)
			rc = -EBADF;
		if (rc < 0)
			return rc;
		pause_ns = pause_ns < 50 * GROVE_MS ? 2 * pause_ns : pause_ns;
	}
	return 0;
}
