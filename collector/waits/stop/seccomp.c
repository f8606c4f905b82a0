/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seccomp.c - a system call that a seccomp filter hands to a supervisor (SECCOMP_RET_USER_NOTIF).
 *
 * The caller sleeps in seccomp_do_user_notification() (kernel/seccomp.c). Which filter a
 * notification descriptor serves is not shown, so any of them may be the one.
 */
#include "waits/stop/outside.h"
#include "waits/stop/wchan.h"

#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	return stop_sleeps_in(c, t, "seccomp_do_user_notification");
}

static void decode_caller(struct wait_ctx *c, const struct wait_site *site)
{
	struct model *m = wait_model(c);
	struct outside_query q = {
		.kind = FILE_SECCOMP_NOTIFY,
		.link = "anon_inode:seccomp notify",
	};
	uint32_t id;
	char key[32];

	snprintf(key, sizeof(key), "seccomp:[%d]", site->process->tgid);
	id = outside_object(c, &q, "seccomp", key);
	model_wait(m, site->wait)->object = id;
	model_wait(m, site->wait)->completion = true;
	wait_describe(c, site->wait, WAIT_SECCOMP, "in %s, which a seccomp supervisor shall answer",
		      model_str(m, model_wait(m, site->wait)->op));
	if (outside_has_holder(m, id))
		wait_term_holders(c, site->wait, id, 0, AS_OWNER);
	else
		wait_unknown(c, site->wait, "who supervises process %d is not visible",
			     site->process->tgid);
}

/* The supervisor itself, at rest: ioctl(SECCOMP_IOCTL_NOTIF_RECV), or poll. */
static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	wait_describe(c, f->wait, WAIT_SECCOMP, "waiting for a system call to supervise (fd %d)",
		      f->fd);
	wait_new(c, f->wait, "a supervised system call");
	return true;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	const struct snap_file *f;

	if (claims(c, t)) {
		decode_caller(c, site);
		return true;
	}
	if (t->nr != SYS_ioctl || (uint32_t)t->args[1] != SECCOMP_IOCTL_NOTIF_RECV)
		return false;
	f = wait_file(c, t->tgid, (int32_t)t->args[0]);
	if (!f || f->kind != FILE_SECCOMP_NOTIFY)
		return false;
	wait_on_file(c, site, (int32_t)t->args[0], MODE_READ);
	return true;
}

static const int16_t numbers[] = { SYS_ioctl, -1 };

const struct wait_kind wait_seccomp = {
	.name = "seccomp",
	.syscalls = numbers,
	.files = 1u << FILE_SECCOMP_NOTIFY,
	.claims = claims,
	.decode = decode,
	.decode_file = decode_file,
};
