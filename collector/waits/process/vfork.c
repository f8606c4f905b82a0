/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vfork.c - a parent that is suspended until its vfork child calls exec or exits.
 *
 * vfork(2) itself, and posix_spawn(3), which calls clone or clone3 with CLONE_VFORK. The wait is
 * killable only (kernel/fork.c, wait_for_vfork_done()), so it shows as D.
 */
#include "waits/find.h"

#include <sched.h>
#include <sys/syscall.h>

/*
 * Is `p` a better guess than `best`? The kernel's own mark first, then this thread's, then the
 * youngest.
 */
static bool is_better(const struct snap_process *p, const struct snap_process *best, int32_t tid)
{
	if (!best || p->vfork_child != best->vfork_child)
		return !best || p->vfork_child;
	if ((p->forker == tid) != (best->forker == tid))
		return p->forker == tid;
	return p->start_ticks >= best->start_ticks;
}

static const struct snap_process *find_vforked(struct wait_ctx *c, const struct snap_task *t)
{
	const struct snap_process *child = NULL, *best = NULL;

	while ((child = find_child(c, t->tgid, child)))
		if (!child->exited && (!child->forker || child->forker == t->tid) &&
		    is_better(child, best, t->tid))
			best = child;
	return best;
}

static bool is_vfork(struct wait_ctx *c, const struct snap_task *t)
{
	const struct snap_process *child;
	uint64_t flags = t->args[0];

	if (t->state != 'D')
		return false;
	if (t->nr == SYS_vfork)
		return true;
	if (t->nr != SYS_clone3)
		return flags & CLONE_VFORK;
	/*
	 * struct clone_args begins with its flags; when they do not come, the kernel's mark
	 * decides.
	 */
	if (wait_mem(c, t->tgid, t->args[0], &flags, sizeof(flags)) >= 0)
		return flags & CLONE_VFORK;
	child = find_vforked(c, t);
	return child && child->vfork_child;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_process *child;

	if (!is_vfork(c, site->task))
		return false;
	child = find_vforked(c, site->task);
	model_wait(wait_model(c), site->wait)->completion = true;
	if (!child) {
		wait_describe(c, site->wait, WAIT_VFORK, "waiting for a vfork child to call exec");
		wait_unknown(c, site->wait, "the vfork child of thread %d was not found",
			     site->task->tid);
		return true;
	}
	wait_describe(c, site->wait, WAIT_VFORK, "waiting for vfork child %s to call exec or exit",
		      wait_name_of(c, child->tgid).text);
	wait_term(c, site->wait,
		  (struct term){
			  .kind = TERM_ACTOR, .as = AS_CHILD, .id = wait_actor(c, child->tgid) },
		  NULL);
	return true;
}

const struct wait_kind wait_vfork = {
	.name = "vfork",
	.uninterruptible = true,
	.syscalls = (const int16_t[]){ SYS_vfork, SYS_clone, SYS_clone3, -1 },
	.decode = decode,
};
