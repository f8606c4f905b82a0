/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * borrow.h - time-outs that a process has set on an open file, which no file of /proc tells.
 *
 * pidfd_getfd(2) gives snag a second descriptor of the same open file description for as long as
 * one question to the kernel takes; nothing is sent or changed, and no new end of a connection is
 * made.
 */
#pragma once

#include "base/error.h"

#include <stdint.h>

struct sock_timeouts {
	uint32_t receive_ms, send_ms; /* SO_RCVTIMEO, SO_SNDTIMEO, rounded up; 0 none */
	uint32_t user_ms;	      /* TCP_USER_TIMEOUT; 0 none, or not TCP */
};

/*
 * Those of descriptor `fd` of `tgid`. -EPERM not allowed (it takes PTRACE_MODE_ATTACH), -ESRCH
 * gone, -EBADF closed, -ENOTSOCK no socket, -ENOSYS before Linux 5.6.
 */
SNAG_MUST_CHECK
int sock_timeouts_read(int32_t tgid, int32_t fd, struct sock_timeouts *ret);

/*
 * How long a read of the terminal that `fd` of `tgid` is waits by its VTIME (termios(3)), in ms; 0
 * for ever. Errors as above, -ENOTTY no terminal.
 */
SNAG_MUST_CHECK
int tty_timeout_read(int32_t tgid, int32_t fd, uint32_t *ms);
