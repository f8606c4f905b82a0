/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h - does the content of a capture agree with itself? Inside capture/ only.
 */
#pragma once

#include "base/error.h"
#include "capture/columns.h"

/*
 * Every id names something, lists that must be side by side are, what must not have a cycle has
 * none. Then the model's own links (threads of an actor, terms of a wait, members of a side
 * verdict) are set from the rows. -EBADMSG: it contradicts itself.
 */
SNAG_MUST_CHECK
int capture_check(struct capture_rows *rows, struct snag_error *err);
