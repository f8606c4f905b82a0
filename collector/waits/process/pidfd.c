/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pidfd.c - a pidfd that is polled or named by waitid(P_PIDFD): readable once its process has
 * exited.
 */
#include "waits/find.h"

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct wait *w = model_wait(wait_model(c), f->wait);
	const struct snap_process *p;
	int32_t tgid = (int32_t)f->file->value;
	bool child;

	w->completion = true;
	if (!f->file->details) {
		wait_describe(c, f->wait, WAIT_PROCESS_EXIT,
			      "waiting for the process of a pidfd to exit (fd %d)", f->fd);
		wait_unknown(c, f->wait, "whom pidfd %d of process %d stands for could not be read",
			     f->fd, f->process->tgid);
		return true;
	}
	p = snapshot_process(wait_snapshot(c), tgid);
	child = p && p->ppid == f->process->tgid;
	wait_describe(c, f->wait, child ? WAIT_CHILD_EXIT : WAIT_PROCESS_EXIT,
		      "waiting for %s %s to exit (pidfd %d)", child ? "child" : "process",
		      wait_name_of(c, tgid).text, f->fd);
	/*
	 * fdinfo says 0 for a process of a pid namespace that cannot be seen from here, -1 once
	 * reaped.
	 */
	if (tgid == 0)
		wait_unknown(c, f->wait,
			     "the process of pidfd %d lives in a pid namespace that is "
			     "not visible from here",
			     f->fd);
	else if (f->edge && (!p || p->exited))
		wait_never(c, f->wait, "process %d has exited, and this set was told already",
			   tgid);
	else
		wait_term_exit(c, f->wait, tgid);
	return true;
}

const struct wait_kind wait_pidfd = {
	.name = "pidfd",
	.files = 1u << FILE_PIDFD,
	.decode_file = decode_file,
};
