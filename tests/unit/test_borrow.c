/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/borrow.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

Test(borrow, its_own_socket)
{
	struct sock_timeouts t = { 1, 1, 1 };
	struct timeval two = { .tv_sec = 2, .tv_usec = 500 };
	int s[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	cr_assert_eq(sock_timeouts_read(getpid(), s[0], &t), 0);
	cr_assert_eq(t.receive_ms, 0);
	cr_assert_eq(t.send_ms, 0);
	cr_assert_eq(t.user_ms, 0);
	cr_assert_eq(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &two, sizeof(two)), 0);
	cr_assert_eq(sock_timeouts_read(getpid(), s[0], &t), 0);
	cr_assert_geq(t.receive_ms, 2001, "rounded up");
	cr_assert_leq(t.receive_ms, 2010, "to a tick of the kernel's clock");
	cr_assert_eq(t.send_ms, 0);
}

Test(borrow, what_is_no_socket_changes_nothing)
{
	struct sock_timeouts t = { 7, 7, 7 };
	int p[2];

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(sock_timeouts_read(getpid(), p[0], &t), -ENOTSOCK);
	cr_assert_eq(sock_timeouts_read(getpid(), 9999, &t), -EBADF);
	cr_assert_eq(sock_timeouts_read(-1, 0, &t), -EINVAL);
	cr_assert_eq(t.receive_ms, 7);
}

Test(borrow, tcp_gives_up)
{
	struct sock_timeouts t;
	unsigned int ms = 1234;
	int s = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(setsockopt(s, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)), 0);
	cr_assert_eq(sock_timeouts_read(getpid(), s, &t), 0);
	cr_assert_eq(t.user_ms, 1234);
}

/* A new pty's master, and its slave. */
static int open_tty(int *slave)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	*slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	cr_assert_geq(*slave, 0);
	return master;
}

Test(borrow, a_terminal_ends_a_read_only_without_lines_and_minimum)
{
	uint32_t ms = 7;
	struct termios t;
	int slave, master = open_tty(&slave);

	cr_assert_eq(tty_timeout_read(getpid(), slave, &ms), 0);
	cr_assert_eq(ms, 0, "lines");
	cr_assert_eq(tcgetattr(slave, &t), 0);
	cfmakeraw(&t);
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 15;
	cr_assert_eq(tcsetattr(slave, TCSANOW, &t), 0);
	cr_assert_eq(tty_timeout_read(getpid(), slave, &ms), 0);
	cr_assert_eq(ms, 0, "the clock starts with the first byte");
	t.c_cc[VMIN] = 0;
	cr_assert_eq(tcsetattr(slave, TCSANOW, &t), 0);
	cr_assert_eq(tty_timeout_read(getpid(), slave, &ms), 0);
	cr_assert_eq(ms, 1500);
	close(master);
}

Test(borrow, what_is_no_terminal_changes_nothing)
{
	uint32_t ms = 7;
	int p[2];

	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(tty_timeout_read(getpid(), p[0], &ms), -ENOTTY);
	cr_assert_eq(tty_timeout_read(getpid(), 9999, &ms), -EBADF);
	cr_assert_eq(ms, 7);
}
