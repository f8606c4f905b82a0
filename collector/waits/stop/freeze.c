/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freeze.c - a process in a frozen cgroup. Version 1 shows state D in __refrigerator, version 2
 * looks like any sleep, so the question is asked before any other.
 */
#include "waits/stop/wchan.h"

#include <string.h>

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	const struct snapshot *s = wait_snapshot(c);

	return s->processes.at[t->process].frozen ||
	       (t->state == 'D' && stop_sleeps_in(c, t, "__refrigerator"));
}

/*
 * The path in the line of /proc/P/cgroup that the freezer works on: version 1 where the process is
 * in a cgroup of its own there, else version 2. The whole text when there is neither.
 */
static const char *cgroup_path(const char *text)
{
	static const char v1[] = ":freezer:", v2[] = "0::";
	const char *line = strstr(text, v1);

	if (line && line[sizeof(v1)] != '\n' && line[sizeof(v1)])
		return line + sizeof(v1) - 1;
	line = strstr(text, v2);
	return line ? line + sizeof(v2) - 1 : text;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snapshot *s = wait_snapshot(c);
	const char *path = cgroup_path(snapshot_str(s, site->process->cgroup));
	int len = (int)strcspn(path, "\n\x1f");

	wait_describe(c, site->wait, WAIT_FREEZE, "frozen in cgroup %.*s", len, path);
	wait_stopped(c, site->wait, "whoever thaws the cgroup %.*s", len, path);
	return true;
}

const struct wait_kind wait_freeze = { .name = "freeze", .claims = claims, .decode = decode };
