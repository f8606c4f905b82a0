/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.c - waiting for a child to exit: wait4(2) and waitid(2) in all their forms.
 *
 * Who counts is decided by kernel/exit.c, do_wait(): the children of all threads of the process
 * (with __WNOTHREAD of this thread only) and whatever these threads trace.
 */
#include "waits/find.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef __WNOTHREAD
#define __WNOTHREAD 0x20000000
#endif

/* P_PIDFD of glibc 2.36 and later. */
enum { ID_PIDFD = 3 };

/* Which children are asked for. */
struct wanted {
	int type; /* P_PID, P_PGID, P_ALL, ID_PIDFD */
	int32_t id;
	bool own_thread; /* __WNOTHREAD */
	bool exits;	 /* not for stops and continues only */
};

static struct wanted wanted_of(const struct snap_task *t, const struct snap_process *p)
{
	struct wanted w = { .type = P_ALL, .exits = true };
	int32_t id = (int32_t)t->args[0];
	uint64_t options = t->args[t->nr == SYS_wait4 ? 2 : 3];

	w.own_thread = options & __WNOTHREAD;
	if (t->nr == SYS_waitid) {
		w.type = id;
		w.id = (int32_t)t->args[1];
		w.exits = options & WEXITED;
	} else if (id > 0) {
		w.type = P_PID;
		w.id = id;
	} else if (id != -1) {
		w.type = P_PGID;
		w.id = -id;
	}
	if (w.type == P_PGID && w.id == 0)
		w.id = p->pgrp;
	return w;
}

static bool is_wanted(const struct wanted *w, const struct snap_task *t,
		      const struct snap_process *child)
{
	if (w->own_thread && child->forker && child->forker != t->tid)
		return false;
	return w->type != P_PGID || child->pgrp == w->id;
}

/* One named process; also a thread or process that is traced and not a child. */
static void decode_one(struct wait_ctx *c, const struct wait_site *site, int32_t id)
{
	const struct snap_process *child = find_process(c, site->process, id);
	const struct snap_task *tracee = NULL;

	wait_describe(c, site->wait, WAIT_CHILD_EXIT, "waiting for child %s to exit",
		      wait_name_of(c, child ? child->tgid : id).text);
	if (child && child->ppid == site->process->tgid) {
		wait_term_exit(c, site->wait, child->tgid);
		return;
	}
	while ((tracee = find_tracee(c, site->process->tgid, tracee)))
		if (tracee->tid == id || tracee->ns_tid == id)
			break;
	if (tracee)
		wait_term_tid(c, site->wait, tracee->tid, AS_CHILD);
	else if (child)
		wait_unknown(c, site->wait, "process %d is not a child of process %d", child->tgid,
			     site->process->tgid);
	else
		wait_now(c, site->wait, "child %d is gone", id);
}

static void describe_many(struct wait_ctx *c, const struct wait_site *site, const struct wanted *w,
			  const struct snap_process *only, uint32_t count)
{
	if (count == 1)
		wait_describe(c, site->wait, WAIT_CHILD_EXIT,
			      "waiting for its only %schild %s to exit",
			      w->own_thread ? "own " : "", wait_name_of(c, only->tgid).text);
	else if (!count)
		wait_describe(c, site->wait, WAIT_CHILD_EXIT, "waiting for a child to exit");
	else if (w->type == P_PGID)
		wait_describe(c, site->wait, WAIT_CHILD_EXIT,
			      "waiting for any of %u children in process group %d to exit", count,
			      w->id);
	else
		wait_describe(c, site->wait, WAIT_CHILD_EXIT,
			      "waiting for any of %u children to exit", count);
}

static void decode_many(struct wait_ctx *c, const struct wait_site *site, const struct wanted *w)
{
	const struct snap_process *child = NULL, *last = NULL;
	const struct snap_task *tracee = NULL;
	int32_t tgid = site->process->tgid;
	uint32_t count = 0;

	while ((child = find_child(c, tgid, child))) {
		if (!is_wanted(w, site->task, child) || (child->exited && !w->exits))
			continue;
		wait_term_exit(c, site->wait, child->tgid);
		last = child;
		count++;
	}
	describe_many(c, site, w, last, count);
	while (w->type == P_ALL && (tracee = find_tracee(c, tgid, tracee))) {
		wait_term_tid(c, site->wait, tracee->tid, AS_CHILD);
		count++;
	}
	if (count)
		return;
	if (site->process->denied)
		wait_unknown(c, site->wait, "the children of process %d may not be read", tgid);
	else
		wait_now(c, site->wait, "it has no such child: the call fails");
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	struct wanted w = wanted_of(site->task, site->process);

	model_wait(wait_model(c), site->wait)->completion = true;
	if (w.type == ID_PIDFD)
		wait_on_file(c, site, w.id, MODE_READ);
	else if (w.type == P_PID)
		decode_one(c, site, w.id);
	else
		decode_many(c, site, &w);
	return true;
}

const struct wait_kind wait_child = {
	.name = "child",
	.syscalls = (const int16_t[]){ SYS_wait4, SYS_waitid, -1 },
	.decode = decode,
};
