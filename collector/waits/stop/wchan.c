/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/stop/wchan.h"

#include <string.h>

const char *stop_wchan(struct wait_ctx *c, const struct snap_task *t)
{
	return snapshot_str(wait_snapshot(c), t->wchan);
}

bool stop_sleeps_in(struct wait_ctx *c, const struct snap_task *t, const char *function)
{
	const char *wchan = stop_wchan(c, t);
	size_t len = strlen(function);

	return !strncmp(wchan, function, len) && (!wchan[len] || wchan[len] == '.');
}
