/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/net/sockopt.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

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
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, tgid, 0);
	_cleanup_close_ int sock = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	struct sock_timeouts t;
	int rc;

	if (pidfd < 0 || sock < 0)
		return -errno;
	rc = read_one(sock, SO_RCVTIMEO, &t.receive_ms);
	if (rc == 0)
		rc = read_one(sock, SO_SNDTIMEO, &t.send_ms);
	if (rc == 0)
		*ret = t;
	return rc;
}
