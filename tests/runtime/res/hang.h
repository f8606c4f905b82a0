/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hang.h - a watchdog: when a piece of an actor takes too long, snag writes down why.
 *
 * It is a thread that needs nothing of the loop, so it works however the loop hangs. When it is
 * time it has `snag dump` look at the whole tree, from the root down, and ends: neither it nor
 * snag is part of what snag sees. The program goes on as if nothing had happened.
 *
 *	rc = grove_dump_on_hang(30 * GROVE_SECOND, &hang, err);
 *	if (rc == 0)
 *		rc = work();
 *	dumped = grove_hang_close(hang, err);
 *
 * The capture is FOLDER/ACTOR.PID.N.snag; beside it, with .txt, what snag said.
 */
#pragma once

#include <sys/types.h>

#include "runtime/core/base.h"

/* Where snag is, when nobody says: a path. Without it: "snag" in $PATH. */
#define GROVE_SNAG_ENV "GROVE_SNAG"
/* The folder for captures, when nobody says. Without it: the current one. */
#define GROVE_HANG_ENV "GROVE_HANG_DIR"

struct grove_hang;

struct grove_hang_opts {
	int64_t after_ns;   /* so long without progress; needed */
	bool loop;	    /* also when the loop has not run what is posted to it for so long */
	const char *snag;   /* path, or a name in $PATH; NULL: see above */
	const char *folder; /* NULL: see above */
	pid_t root;	    /* whose tree; 0: the root of this actor's */
};

/*
 * Begin to watch, in an actor, until grove_hang_close(). Progress is grove_hang_progress(), and
 * nothing else; with opts->loop the loop has to be alive besides. It dumps once.
 * -ENOENT: there is no snag, and the error says where was looked; -EACCES: no such folder, or
 * nothing can be written there; -EAGAIN: no thread.
 */
GROVE_MUST_CHECK
int grove_hang_open(const struct grove_hang_opts *opts, struct grove_hang **ret,
		    struct grove_error *err);

/* The same with nothing but a time. */
GROVE_MUST_CHECK
int grove_dump_on_hang(int64_t after_ns, struct grove_hang **ret, struct grove_error *err);

/* It goes on: the time begins anew. From any thread. */
void grove_hang_progress(struct grove_hang *hang);

/* Whether it was time, and snag was started. From any thread. */
bool grove_hang_fired(struct grove_hang *hang);

/* The path of the capture, there or not. Borrowed. */
const char *grove_hang_path(const struct grove_hang *hang);

/*
 * Watch no longer, and free it; in the thread of the loop. When snag is at work it is waited for,
 * at most 30 s. 0: nothing was dumped; 1: the capture is there; -EIO: snag was started and wrote
 * none, the error says what it said last; -errno: it could not be started. NULL: 0.
 */
int grove_hang_close(struct grove_hang *hang, struct grove_error *err);
