/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backends.h - the spawn backends that there are, one line each. Adding one is a file and a line.
 */
#pragma once

#include "runtime/actor/backend.h"

/* Builds code: name in C. The first one is the default. */
/* clang-format off */
#define GROVE_BACKENDS(X) \
	X(exec) \
	X(mp_spawn) \
	X(mp_forkserver) \
	X(subint_legacy) \
	X(subint_isolated) \
	X(subint_fork) \
	X(subint_forkserver)
/* clang-format on */

#define X(name) extern const struct grove_backend grove_backend_##name;
GROVE_BACKENDS(X)
#undef X

/* All of them, ended by NULL: for struct grove_program. */
extern const struct grove_backend *const grove_backends[];
