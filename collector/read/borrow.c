/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/borrow.h"

#include "base/cleanup.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <termios.h>
#include <unistd.h>

enum { MS_PER_TENTH = 100 }; /* of a second, the unit of VTIME */

/* Yours: close(). */
static int borrow(int32_t tgid, int32_t fd)
{
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, tgid, 0);
	int copy = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	return copy < 0 ? -errno : copy;
}

static int read_one(int fd, int name, uint32_t *ms)
{
	struct timeval t = { 0 };
	socklen_t len = sizeof(t);
	uint64_t value;

	if (getsockopt(fd, SOL_SOCKET, name, &t, &len) < 0)
		return -errno;
	value = (uint64_t)t.tv_sec * 1000 + ((uint64_t)t.tv_usec + 999) / 1000;
	*ms = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
	return 0;
}

int sock_timeouts_read(int32_t tgid, int32_t fd, struct sock_timeouts *ret)
{
	_cleanup_close_ int sock = borrow(tgid, fd);
	struct sock_timeouts t;
	socklen_t len = sizeof(t.user_ms);
	int rc = sock < 0 ? sock : 0;

	if (rc == 0)
		rc = read_one(sock, SO_RCVTIMEO, &t.receive_ms);
	if (rc == 0)
		rc = read_one(sock, SO_SNDTIMEO, &t.send_ms);
	if (rc < 0)
		return rc;
	if (getsockopt(sock, IPPROTO_TCP, TCP_USER_TIMEOUT, &t.user_ms, &len) < 0)
		t.user_ms = 0;
	*ret = t;
	return 0;
}

int tty_timeout_read(int32_t tgid, int32_t fd, uint32_t *ms)
{
	_cleanup_close_ int tty = borrow(tgid, fd);
	struct termios t;

	if (tty < 0)
		return tty;
	if (tcgetattr(tty, &t) < 0)
		return -errno;
	*ms = t.c_lflag & ICANON || t.c_cc[VMIN] ? 0 : t.c_cc[VTIME] * MS_PER_TENTH;
	return 0;
}
