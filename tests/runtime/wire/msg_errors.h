/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * msg_errors.h - a tree of errors as a value, and back.
 *
 * On the wire it is a flat array, parents before their children, each node a map of "code", "text",
 * "task", "actor", "uid" (left out when empty), and "up", the index of its parent; the first has
 * none. So a deep tree needs no deep nesting, and reading it no recursion.
 */
#pragma once

#include "runtime/core/errors.h"
#include "runtime/wire/value.h"

/*
 * More nodes are not sent but counted in one last node; deeper ones hang on their ancestor there.
 */
#define GROVE_MSG_ERRORS 1024
#define GROVE_MSG_ERRORS_DEPTH 32

/* The array of a tree. */
struct grove_value grove_msg_from_errors(const struct grove_errors *tree);

/*
 * The tree of an array, one count of it. -EBADMSG with what is wrong. A code that is no -errno
 * becomes -EREMOTEIO, and control characters in texts become "?".
 */
GROVE_MUST_CHECK
int grove_msg_to_errors(const struct grove_value *array, struct grove_errors **ret,
			struct grove_error *err);
