// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/spawn/backends.h"

#include <stddef.h>

#include "runtime/spawn/defects.h"

const struct grove_backend *const grove_backends[] = {
#define X(name) &grove_backend_##name,
	GROVE_BACKENDS(X)
#undef X
		NULL,
};

struct grove_spawn_defects *grove_spawn_defects(void)
{
	static struct grove_spawn_defects defects;

	return &defects;
}
