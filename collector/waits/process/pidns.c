/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pidns.c - the init of a pid namespace that exits: it stays until every process in there was
 * reaped.
 *
 * kernel/pid_namespace.c, zap_pid_ns_processes(): it has killed them all and reaps its own
 * children; a process whose parent lives outside (entered by nsenter) is left for that parent to
 * wait for.
 */
#include "waits/find.h"

#include <string.h>
#include <sys/syscall.h>

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	const char *wchan = snapshot_str(wait_snapshot(c), t->wchan);
	const struct snap_process *p = snapshot_process(wait_snapshot(c), t->tgid);

	if (strcmp(wchan, "zap_pid_ns_processes") == 0)
		return true;
	return p && p->ns_tgid == 1 && p->tgid != 1 && t->has_syscall && !t->compat &&
	       (t->nr == SYS_exit_group || t->nr == SYS_exit);
}

/* Whoever must act that `p` is gone for good. */
static void add_inmate(struct wait_ctx *c, uint32_t wait, const struct snap_process *init,
		       const struct snap_process *p)
{
	const struct snap_process *parent = snapshot_process(wait_snapshot(c), p->ppid);

	if (!p->exited)
		wait_term_exit(c, wait, p->tgid);
	else if (parent && parent->tgid != init->tgid && !parent->exited)
		wait_term(c, wait,
			  (struct term){ .kind = TERM_ACTOR,
					 .as = AS_SETTER,
					 .id = wait_actor(c, parent->tgid) },
			  "must wait() for zombie %s", wait_name_of(c, p->tgid).text);
	else
		wait_now(c, wait, "zombie %d is about to be reaped", p->tgid);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snapshot *s = wait_snapshot(c);
	struct wait *w;

	for (uint32_t i = 0; i < s->processes.count; i++) {
		const struct snap_process *p = &s->processes.at[i];

		if (p->tgid != site->process->tgid && p->pid_ns &&
		    p->pid_ns == site->process->pid_ns)
			add_inmate(c, site->wait, site->process, p);
	}
	w = model_wait(wait_model(c), site->wait);
	w->completion = true;
	if (w->term_count)
		w->need = w->term_count;
	wait_describe(
		c, site->wait, WAIT_PIDNS_EXIT,
		"exiting as init of a pid namespace: waits until %u process%s in there %s reaped",
		w->term_count, w->term_count == 1 ? "" : "es", w->term_count == 1 ? "is" : "are");
	if (!w->term_count)
		wait_unknown(c, site->wait,
			     "which processes of its pid namespace are left is not known");
	return true;
}

const struct wait_kind wait_pidns = {
	.name = "pidns",
	.claims = claims,
	.decode = decode,
};
