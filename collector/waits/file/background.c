/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * background.c - a job that its terminal stopped, for it wanted to read or write in the background.
 *
 * SIGTTIN or SIGTTOU (drivers/tty/tty_jobctrl.c, __tty_check_change()) stops the group; until the
 * shell brings it to the foreground it would be stopped again after each SIGCONT. /proc keeps the
 * call it was in.
 */
#include "waits/wait.h"

#include <sys/syscall.h>

static const struct snap_file *terminal_of(struct wait_ctx *c, const struct snap_task *t)
{
	const struct snap_file *f;

	if (!t->has_syscall || t->compat)
		return NULL;
	if (t->nr != SYS_read && t->nr != SYS_readv && t->nr != SYS_write && t->nr != SYS_writev &&
	    t->nr != SYS_ioctl)
		return NULL;
	f = wait_file(c, t->tgid, (int32_t)t->args[0]);
	return f && f->kind == FILE_TTY ? f : NULL;
}

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	const struct snap_process *p = snapshot_process(wait_snapshot(c), t->tgid);

	return t->state == 'T' && p && p->tty_nr && p->tpgid > 0 && p->tpgid != p->pgrp &&
	       terminal_of(c, t);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_file *f = terminal_of(c, site->task);
	struct wait *w = model_wait(wait_model(c), site->wait);
	uint32_t object;

	if (!f)
		return false;
	object = wait_file_object(c, f);
	model_object(wait_model(c), object)->relevant = true;
	w->object = object;
	w->fd = f->fd;
	wait_describe(c, site->wait, WAIT_TTY,
		      "stopped by its terminal %s, as a background job that uses it (fd %d)",
		      wait_file_name(c, f), f->fd);
	wait_stopped(c, site->wait,
		     "process group %d has the terminal; the shell must bring %d to the "
		     "foreground",
		     site->process->tpgid, site->process->pgrp);
	return true;
}

const struct wait_kind wait_background = {
	.name = "background",
	.claims = claims,
	.decode = decode,
};
