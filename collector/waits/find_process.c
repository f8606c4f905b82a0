/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/find.h"

#include "base/strbuf.h"
#include "read/proc/procfs.h"
#include "waits/wait_ctx.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- children and tracees ------------------------------------------------------------------- */

static void index_processes(struct wait_ctx *c)
{
	int32_t self = getpid();

	for (uint32_t i = 0; i < c->snap->processes.count; i++)
		*vec_push(&c->child_next) = 0;
	/* From the last one on: siblings come out in the order of the snapshot. */
	for (uint32_t i = c->snap->processes.count; i-- > 0;) {
		uint64_t parent = (uint32_t)c->snap->processes.at[i].ppid;

		/*
		 * snag's own exit ends nothing but the look at it: whoever started it is not
		 * waiting for that
		 */
		if (c->snap->processes.at[i].tgid == self)
			continue;
		c->child_next.at[i] = map_get(&c->child_first, parent, 0);
		map_put(&c->child_first, parent, i + 1);
	}
	for (uint32_t i = 0; i < c->snap->tasks.count; i++)
		if (c->snap->tasks.at[i].tracer)
			*vec_push(&c->traced) = i;
}

static void want_index(struct wait_ctx *c)
{
	if (c->child_next.count == c->snap->processes.count)
		return;
	map_release(&c->child_first);
	vec_release(&c->child_next);
	vec_release(&c->traced);
	index_processes(c);
}

const struct snap_process *find_child(struct wait_ctx *c, int32_t tgid,
				      const struct snap_process *previous)
{
	uint32_t at;

	want_index(c);
	if (previous)
		at = c->child_next.at[previous - c->snap->processes.at];
	else
		at = map_get(&c->child_first, (uint32_t)tgid, 0);
	return at ? &c->snap->processes.at[at - 1] : NULL;
}

const struct snap_task *find_tracee(struct wait_ctx *c, int32_t tgid,
				    const struct snap_task *previous)
{
	want_index(c);
	for (uint32_t i = 0; i < c->traced.count; i++) {
		const struct snap_task *t = &c->snap->tasks.at[c->traced.at[i]];
		const struct snap_task *tracer = snapshot_task(c->snap, t->tracer);

		if ((!previous || t > previous) && tracer && tracer->tgid == tgid)
			return t;
	}
	return NULL;
}

/* ---- numbers in pid namespaces -------------------------------------------------------------- */

enum { NS_DEPTH_MAX = 33 }; /* MAX_PID_NS_LEVEL + 1 of include/linux/pid_namespace.h */

/* The numbers of a process from snag's namespace down to its own; how many there are, 0 unknown. */
static int read_ns_pids(int32_t tgid, int32_t pids[NS_DEPTH_MAX])
{
	_cleanup_strbuf_ struct strbuf status = STRBUF_INIT;
	struct snag_error err = SNAG_ERROR_INIT;
	const char *at;
	char *end;
	int count = 0;

	if (procfs_read_of(&status, tgid, 0, "status", &err) < 0)
		return 0;
	at = strstr(strbuf_str(&status), "\nNSpid:");
	if (!at)
		return 0;
	for (at += strlen("\nNSpid:"); count < NS_DEPTH_MAX && (*at == '\t' || *at == ' ');
	     at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		pids[count++] = (int32_t)pid;
	}
	return count;
}

const struct snap_process *find_process(struct wait_ctx *c, const struct snap_process *viewer,
					int32_t pid)
{
	int32_t own[NS_DEPTH_MAX], pids[NS_DEPTH_MAX];
	int depth;

	if (!viewer->ns_tgid || viewer->ns_tgid == viewer->tgid)
		return snapshot_process(c->snap, pid);
	depth = read_ns_pids(viewer->tgid, own);
	for (uint32_t i = 0; i < c->snap->processes.count; i++) {
		const struct snap_process *p = &c->snap->processes.at[i];

		if (p->pid_ns && p->pid_ns == viewer->pid_ns) {
			if (p->ns_tgid == pid)
				return p;
		} else if (depth > 1 && p->ns_tgid != p->tgid &&
			   read_ns_pids(p->tgid, pids) >= depth && pids[depth - 1] == pid) {
			return p;
		}
	}
	return NULL;
}
