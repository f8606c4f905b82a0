/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * boot.h - the few facts that a new actor needs to reach its parent, as one line of text.
 *
 * A backend carries them over in its own way: in the arguments of a program, through a pipe, in a
 * message to a fork server, or simply in memory. All else (addresses to bind, registrars, faults)
 * comes over the channel afterwards, in the same way for every backend.
 *
 *	worker 1f0c..-.. exec 4711 4711 /unix/run/grove-Xy/root.1f0c2b9a.sock
 */
#pragma once

#include <sys/types.h>

#include "runtime/core/base.h"
#include "runtime/wire/multiaddr.h"
#include "runtime/wire/uid.h"

/* Room for the longest line. */
#define GROVE_BOOT_TEXT (GROVE_NAME_SIZE * 2 + GROVE_UUID_SIZE + GROVE_MULTIADDR_TEXT + 64)

struct grove_boot {
	struct grove_uid uid;		/* who the new actor is */
	char backend[GROVE_NAME_SIZE];	/* how it was made */
	pid_t parent_pid;		/* the process of the actor that wants it */
	pid_t parent_tid;		/* and its thread */
	struct grove_multiaddr address; /* where that one listens */
};

/* The line, in `text`, which is returned. It has no newline and no control character. */
const char *grove_boot_print(const struct grove_boot *boot, char text[static GROVE_BOOT_TEXT]);

/* Read a line. -EINVAL says what is wrong; `ret` is untouched then. */
GROVE_MUST_CHECK
int grove_boot_parse(struct grove_boot *ret, const char *line, struct grove_error *err);
