/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_io.c - descriptors, processes, time.
 */
#include <criterion/criterion.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/test/help_core.h"

TestSuite(core_io, .init = help_begin, .fini = help_end);

struct ends {
	int fd[2];
	int rc;
};

static int open_pair(struct ends *ends)
{
	ends->rc = 1;
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends->fd);
}

/* ---- bytes -------------------------------------------------------------------------------------
 */

enum { MANY = 1 << 20 };

static int send_many(void *arg, struct grove_error *err)
{
	struct ends *ends = arg;
	_grove_free_ char *bytes = grove_alloc(MANY, 1);
	size_t done = 0;

	(void)err;
	memset(bytes, 'x', MANY);
	int rc = grove_write_all(ends->fd[0], bytes, MANY, &done);

	cr_assert_eq(done, MANY);
	grove_close(ends->fd[0]);
	return rc;
}

static int stream(void *arg, struct grove_error *err)
{
	struct ends ends;
	struct grove_nursery nursery;
	_grove_free_ char *bytes = grove_alloc(MANY, 1);
	size_t done = 0;

	(void)arg;
	cr_assert_eq(open_pair(&ends), 0);
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "sender", send_many, &ends);
	cr_assert_eq(grove_read_all(ends.fd[1], bytes, MANY, &done), 0);
	cr_assert_eq(bytes[MANY - 1], 'x');
	cr_assert_eq(grove_read_all(ends.fd[1], bytes, 1, &done), -EPIPE);
	cr_assert_eq(done, 0);
	cr_assert_eq(grove_write_all(ends.fd[1], bytes, 1, &done), -EPIPE);
	grove_close(ends.fd[1]);
	return grove_nursery_exit(&nursery, 0, err);
}

Test(core_io, stream)
{
	cr_assert_eq(core_run(stream, NULL), 0);
}

/* ---- closing -----------------------------------------------------------------------------------
 */

static int wait_read(void *arg, struct grove_error *err)
{
	struct ends *ends = arg;

	(void)err;
	ends->rc = grove_wait_readable(ends->fd[1]);
	return ends->rc == -ECANCELED ? ends->rc : 0;
}

static int close_under_reader(void *arg, struct grove_error *err)
{
	struct ends ends;
	struct grove_nursery nursery;
	char byte;

	(void)arg;
	cr_assert_eq(open_pair(&ends), 0);
	int number = ends.fd[1];

	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "reader", wait_read, &ends);
	cr_assert_eq(grove_checkpoint(), 0);
	cr_assert_eq(grove_wait_readable(number), -EBUSY);
	grove_close(number);
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
	cr_assert_eq(ends.rc, -EBADF);

	/* The number is used again and works, whether or not the loop was told of the close. */
	for (int told = 0; told < 2; told++) {
		struct ends next;
		struct grove_scope scope;

		grove_close(ends.fd[0]);
		cr_assert_eq(open_pair(&next), 0);
		grove_move_on_after(&scope, GROVE_MS);
		int rc = grove_wait_readable(next.fd[1]);

		cr_assert_eq(grove_scope_exit(&scope, rc, err), 0);
		cr_assert(scope.caught);
		cr_assert_eq(write(next.fd[0], "a", 1), 1);
		cr_assert_eq(grove_wait_readable(next.fd[1]), 0);
		cr_assert_eq(grove_read(next.fd[1], &byte, 1), 1);
		if (told)
			grove_close(next.fd[1]);
		else
			close(next.fd[1]);
		ends.fd[0] = next.fd[0];
	}
	grove_close(ends.fd[0]);
	return 0;
}

Test(core_io, close_and_reuse)
{
	cr_assert_eq(core_run(close_under_reader, NULL), 0);
}

static int reuse_while_known(void *arg, struct grove_error *err)
{
	struct ends a, b;
	char byte;

	(void)arg;
	(void)err;
	/* Known to epoll, closed without a word, and the same number again. */
	cr_assert_eq(open_pair(&a), 0);
	cr_assert_eq(write(a.fd[0], "a", 1), 1);
	cr_assert_eq(grove_wait_readable(a.fd[1]), 0);
	int keeps = dup(a.fd[1]);

	close(a.fd[1]);
	close(a.fd[0]);
	cr_assert_eq(open_pair(&b), 0);
	int fd = b.fd[0] == a.fd[1] ? b.fd[0] : b.fd[1];
	int other = fd == b.fd[0] ? b.fd[1] : b.fd[0];

	cr_assert_eq(fd, a.fd[1]);
	cr_assert_eq(write(other, "b", 1), 1);
	cr_assert_eq(grove_wait_readable(fd), 0);
	cr_assert_eq(grove_read(fd, &byte, 1), 1);
	cr_assert_eq(byte, 'b');
	close(keeps);
	grove_close(b.fd[0]);
	grove_close(b.fd[1]);
	return 0;
}

Test(core_io, number_reused_behind_our_back)
{
	cr_assert_eq(core_run(reuse_while_known, NULL), 0);
}

static int both_ways(void *arg, struct grove_error *err)
{
	struct ends ends;
	struct grove_nursery nursery;

	(void)arg;
	cr_assert_eq(open_pair(&ends), 0);
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "reader", wait_read, &ends);
	cr_assert_eq(grove_checkpoint(), 0);
	/* The event for the writer must not lose the reader, and not wake it. */
	cr_assert_eq(grove_wait_writable(ends.fd[1]), 0);
	cr_assert_eq(nursery.count, 1);
	cr_assert_eq(write(ends.fd[0], "x", 1), 1);
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
	cr_assert_eq(ends.rc, 0);
	grove_close(ends.fd[0]);
	grove_close(ends.fd[1]);
	return 0;
}

Test(core_io, reader_and_writer_of_one_descriptor)
{
	cr_assert_eq(core_run(both_ways, NULL), 0);
}

/* ---- other kinds -------------------------------------------------------------------------------
 */

static int process(void *arg, struct grove_error *err)
{
	int hold[2];
	struct grove_scope scope;

	(void)arg;
	cr_assert_eq(pipe2(hold, O_CLOEXEC), 0);
	pid_t child = grove_fork();

	if (child == 0) {
		char byte;

		close(hold[1]);
		_exit(read(hold[0], &byte, 1) == 0 ? 7 : 1);
	}
	_grove_close_io_ int pidfd = grove_pidfd_open(child);

	cr_assert_geq(pidfd, 0);
	grove_move_on_after(&scope, 5 * GROVE_MS);
	cr_assert_eq(grove_scope_exit(&scope, grove_wait_pidfd(pidfd, child), err), 0);
	cr_assert(scope.caught);
	close(hold[0]);
	close(hold[1]);
	cr_assert_eq(grove_wait_pidfd(pidfd, child), 0);
	int status;

	cr_assert_eq(waitpid(child, &status, WNOHANG), child);
	cr_assert_eq(WEXITSTATUS(status), 7);
	return 0;
}

Test(core_io, process)
{
	int self = grove_pidfd_open(getpid());

	if (self == -ENOSYS)
		cr_skip_test("no pidfd_open(2) here: valgrind 3.19 does not know it");
	close(self);
	cr_assert_eq(core_run(process, NULL), 0);
}

static int regular_file(void *arg, struct grove_error *err)
{
	_grove_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char bytes[4];

	(void)arg;
	(void)err;
	cr_assert_eq(grove_wait_readable(fd), 0);
	cr_assert_eq(grove_read(fd, bytes, 4), 4);
	cr_assert_eq(grove_wait_readable(-1), -EBADF);
	cr_assert_eq(grove_wait_readable(9999), -EBADF);
	return 0;
}

Test(core_io, file_that_epoll_does_not_take)
{
	cr_assert_eq(core_run(regular_file, NULL), 0);
}

static int accept_one(void *arg, struct grove_error *err)
{
	struct ends *ends = arg;

	(void)err;
	ends->fd[1] = grove_accept(ends->fd[0], NULL, NULL);
	return ends->fd[1] < 0 ? ends->fd[1] : 0;
}

static int tcp(void *arg, struct grove_error *err)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	struct ends ends = { .fd = { -1, -1 } };
	struct grove_nursery nursery;

	(void)arg;
	ends.fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert_eq(bind(ends.fd[0], (struct sockaddr *)&addr, len), 0);
	cr_assert_eq(listen(ends.fd[0], 4), 0);
	cr_assert_eq(getsockname(ends.fd[0], (struct sockaddr *)&addr, &len), 0);
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "server", accept_one, &ends);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	cr_assert_eq(grove_connect(fd, (struct sockaddr *)&addr, len), 0);
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
	cr_assert_geq(ends.fd[1], 0);
	grove_close(ends.fd[0]);
	grove_close(ends.fd[1]);
	grove_close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	cr_assert_eq(grove_connect(fd, (struct sockaddr *)&addr, len), -ECONNREFUSED);
	grove_close(fd);
	return 0;
}

Test(core_io, tcp)
{
	cr_assert_eq(core_run(tcp, NULL), 0);
}

/* ---- cancel ------------------------------------------------------------------------------------
 */

static int cancelled_read(void *arg, struct grove_error *err)
{
	struct ends ends;
	struct grove_scope scope;
	char byte;

	(void)arg;
	cr_assert_eq(open_pair(&ends), 0);
	cr_assert_eq(write(ends.fd[0], "k", 1), 1);
	grove_scope_enter(&scope, "s", GROVE_NEVER);
	grove_scope_cancel(&scope, GROVE_CANCEL_CALL, "", "");
	/* Cancelled at the entry: the byte stays. */
	ssize_t rc = grove_read(ends.fd[1], &byte, 1);

	cr_assert_eq(rc, -ECANCELED);
	cr_assert_eq(grove_scope_exit(&scope, (int)rc, err), 0);
	cr_assert_eq(grove_read(ends.fd[1], &byte, 1), 1);
	cr_assert_eq(byte, 'k');
	grove_close(ends.fd[0]);
	grove_close(ends.fd[1]);
	return 0;
}

Test(core_io, cancel_loses_no_bytes)
{
	cr_assert_eq(core_run(cancelled_read, NULL), 0);
}
