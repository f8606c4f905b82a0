/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aio.c - io_getevents(2): the kernel's old asynchronous I/O, whose requests nothing shows.
 */
#include "waits/wait.h"

#include <sys/syscall.h>
#include <time.h>

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	wait_describe(c, site->wait, WAIT_DISK, "waiting for asynchronous I/O to complete");
	wait_outside(c, site->wait,
		     "the files of its asynchronous I/O, which the kernel does not name");
	wait_timeout_at(c, site, site->task->args[4], false, CLOCK_MONOTONIC);
	return true;
}

const struct wait_kind wait_aio = {
	.name = "aio",
	.syscalls = (const int16_t[]){ SYS_io_getevents, SYS_io_pgetevents, -1 },
	.decode = decode,
};
