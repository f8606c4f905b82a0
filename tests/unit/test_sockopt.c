/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/net/sockopt.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

Test(sockopt, its_own_socket)
{
	struct sock_timeouts t = { 1, 1 };
	struct timeval two = { .tv_sec = 2, .tv_usec = 500 };
	int s[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	cr_assert_eq(sock_timeouts_read(getpid(), s[0], &t), 0);
	cr_assert_eq(t.receive_ms, 0);
	cr_assert_eq(t.send_ms, 0);
	cr_assert_eq(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &two, sizeof(two)), 0);
	cr_assert_eq(sock_timeouts_read(getpid(), s[0], &t), 0);
	cr_assert_geq(t.receive_ms, 2001, "rounded up");
	cr_assert_leq(t.receive_ms, 2010, "to a tick of the kernel's clock");
	cr_assert_eq(t.send_ms, 0);
}

Test(sockopt, what_is_no_socket_changes_nothing)
{
	struct sock_timeouts t = { 7, 7 };
	int p[2];

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(sock_timeouts_read(getpid(), p[0], &t), -ENOTSOCK);
	cr_assert_eq(sock_timeouts_read(getpid(), 9999, &t), -EBADF);
	cr_assert_eq(sock_timeouts_read(-1, 0, &t), -EINVAL);
	cr_assert_eq(t.receive_ms, 7);
}
