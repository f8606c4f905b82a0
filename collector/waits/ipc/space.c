/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/ipc/space.h"

#include <stdio.h>
#include <sys/stat.h>

/* The inode number of /proc/P/ns/ipc, 0 when it may not be read. `tgid` 0: our own. */
static uint64_t ipc_ns(int32_t tgid)
{
	struct stat st;
	char path[64] = "/proc/self/ns/ipc";

	if (tgid)
		snprintf(path, sizeof(path), "/proc/%d/ns/ipc", tgid);
	return stat(path, &st) ? 0 : st.st_ino;
}

bool ipc_is_ours(int32_t tgid)
{
	uint64_t ns = ipc_ns(tgid);

	return ns && ns == ipc_ns(0);
}

uint32_t ipc_object(struct wait_ctx *c, int32_t tgid, const char *kind, int32_t id)
{
	const struct snapshot *s = wait_snapshot(c);
	struct model *m = wait_model(c);
	uint32_t before = m->objects.count, object;
	uint64_t ns = ipc_ns(tgid);
	char key[64];

	if (ns && ns == ipc_ns(0))
		snprintf(key, sizeof(key), "%s:[%d]", kind, id);
	else
		snprintf(key, sizeof(key), "%s:[%d of ipc %llu]", kind, id, (unsigned long long)ns);
	object = model_add_object(m, kind, key);
	model_object(m, object)->relevant = true;
	if (object <= before)
		return object;
	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (p->in_tree && !p->exited && (p->tgid == tgid || ipc_ns(p->tgid) == ns))
			model_add_holder(m, object, wait_actor(c, p->tgid), -1,
					 MODE_READ | MODE_WRITE);
	}
	model_object(m, object)->holders_seen = HOLDERS_VISIBLE;
	return object;
}

struct wait_name ipc_last_user(struct wait_ctx *c, int32_t pid)
{
	struct wait_name name = { "" };

	if (pid > 0)
		snprintf(name.text, sizeof(name.text), ", last used by %.30s",
			 wait_name_of(c, pid).text);
	return name;
}
