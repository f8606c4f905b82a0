/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/stop/wchan.h"

#include "read/procfs.h"

#include <string.h>
#include <sys/syscall.h>

const char *stop_wchan(struct wait_ctx *c, const struct snap_task *t)
{
	struct snapshot *s = wait_snapshot(c);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct snap_task *own = snapshot_task(s, t->tid);

	if (t->wchan || !own)
		return snapshot_str(s, t->wchan);
	if (procfs_read_of(&b, t->tgid, t->tid, "wchan", NULL) < 0 || !strcmp(strbuf_str(&b), "0"))
		return "";
	own->wchan = strtab_add(s->strings, strbuf_str(&b));
	return snapshot_str(s, own->wchan);
}

/* Calls that wait for an object which their own kind knows, as long as the thread can be interrupted. */
static bool explained(int32_t nr)
{
	static const int16_t known[] = {
		SYS_futex,	     SYS_poll,
		SYS_ppoll,	     SYS_select,
		SYS_pselect6,	     SYS_epoll_wait,
		SYS_epoll_pwait,     SYS_wait4,
		SYS_waitid,	     SYS_nanosleep,
		SYS_clock_nanosleep, SYS_pause,
		SYS_rt_sigsuspend,   SYS_rt_sigtimedwait,
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i] == nr)
			return true;
	return false;
}

/* Reads and writes of pipes, sockets and the like are explained too; those of plain files are not. */
static bool on_stream(struct wait_ctx *c, const struct snap_task *t)
{
	const struct snap_file *f;

	switch (t->nr) {
	case SYS_read:
	case SYS_write:
	case SYS_readv:
	case SYS_writev:
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_sendto:
	case SYS_sendmsg:
	case SYS_accept:
	case SYS_accept4:
		f = snapshot_file(wait_snapshot(c), t->tgid, (int32_t)t->args[0]);
		return f && f->kind != FILE_UNKNOWN && f->kind != FILE_REGULAR &&
		       f->kind != FILE_DIRECTORY && f->kind != FILE_DEVICE;
	default:
		return false;
	}
}

const char *stop_odd_wchan(struct wait_ctx *c, const struct snap_task *t)
{
	if (t->state == 'D' || t->in_fault)
		return stop_wchan(c, t);
	if (t->state != 'S' || !t->has_syscall || t->compat || explained(t->nr) || on_stream(c, t))
		return "";
	return stop_wchan(c, t);
}
