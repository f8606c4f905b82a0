/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forkserver.h - the process that forks for others: what is said to it, and its entry point.
 *
 * As multiprocessing/forkserver.py: a fresh process with one thread, so that its forks find no lock
 * taken. A request is one message over its socket, "scrub BOOT-LINE" (or "keep", a defect), with
 * one descriptor: the far end of a SOCK_SEQPACKET pair, the line of this child. Over that the
 * server reports, with a pidfd, that it has forked, and later how the child has ended; it takes
 * orders.
 *
 * A child whose requester has closed the line before GROVE_FORK_TAKE is nobody's, and is killed.
 * The server ends when nobody can ask it any more and its last child has ended.
 */
#pragma once

#include <stdint.h>

#include "runtime/actor/program.h"

/* Room for a request, with its 0 byte. */
enum { GROVE_FORK_REQUEST = GROVE_BOOT_TEXT + 8 };

enum grove_fork_report_kind {
	GROVE_FORK_DONE = 1,   /* pid, and a pidfd beside it where there are such */
	GROVE_FORK_ENDED = 2,  /* pid, code, signal: it is reaped */
	GROVE_FORK_FAILED = 3, /* code: an errno */
};

struct grove_fork_report {
	int32_t kind, pid, code, signal;
};

enum grove_fork_order_kind {
	GROVE_FORK_TAKE = 1,   /* the report has arrived, the child is somebody's */
	GROVE_FORK_SIGNAL = 2, /* send it a signal: for those without a pidfd */
};

struct grove_fork_order {
	int32_t kind, signal;
};

/* The entry point of the server. In the processes it forks, what it gives is that of the actor. */
int grove_forkserver_main(const struct grove_program *program, int argc, char **argv);
