// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/spawn/backends.h"

#include <stddef.h>

const struct grove_backend *const grove_backends[] = {
#define X(name) &grove_backend_##name,
	GROVE_BACKENDS(X)
#undef X
		NULL,
};
