/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sockopt.h - time-outs that a process has set on a socket of its own.
 *
 * No file of /proc tells them. pidfd_getfd(2) gives snag a second descriptor of the same open file
 * description for as long as getsockopt(2) takes; nothing is sent, and no new end of a connection
 * is made.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct sock_timeouts {
	uint32_t receive_ms, send_ms; /* SO_RCVTIMEO, SO_SNDTIMEO, rounded up; 0 none */
};

/*
 * Those of descriptor `fd` of `tgid`. -EPERM not allowed (it takes PTRACE_MODE_ATTACH), -ESRCH
 * gone, -EBADF closed, -ENOTSOCK no socket, -ENOSYS before Linux 5.6.
 */
SNAG_MUST_CHECK
int sock_timeouts_read(int32_t tgid, int32_t fd, struct sock_timeouts *ret);
