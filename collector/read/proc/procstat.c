/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/procstat.h"

#include "read/proc/procfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* x32 calls carry this bit (arch/x86/include/uapi/asm/unistd.h). */
enum { X32_SYSCALL_BIT = 0x40000000 };

/* The number at *p in `base`, and *p behind it and its blanks. False: there is none. */
static bool number(const char **p, int base, uint64_t *value)
{
	char *end;

	if (!**p || !strchr("-0123456789", **p))
		return false;
	errno = 0;
	*value = **p == '-' ? (uint64_t)strtoll(*p, &end, base) : strtoull(*p, &end, base);
	if (end == *p || errno || !strchr(" \n", *end))
		return false;
	*p = end + strspn(end, " ");
	return true;
}

/* Field `n` of stat, as proc(5) counts them. */
static void put_field(struct procstat *st, int n, uint64_t value)
{
	switch (n) {
	case 4:
		st->ppid = (int32_t)value;
		break;
	case 5:
		st->pgrp = (int32_t)value;
		break;
	case 6:
		st->session = (int32_t)value;
		break;
	case 7:
		st->tty_nr = (int32_t)value;
		break;
	case 8:
		st->tpgid = (int32_t)value;
		break;
	case 9:
		st->flags = (uint32_t)value;
		break;
	case 10:
	case 12:
		st->faults += value;
		break;
	case 14:
		st->user_ticks = value;
		break;
	case 15:
		st->system_ticks = value;
		break;
	case 22:
		st->start_ticks = value;
		break;
	case 28:
		st->start_stack = value;
		break;
	case 48:
		st->arg_start = value;
		break;
	case 49:
		st->arg_end = value;
		break;
	case 52:
		st->exit_code = (int32_t)value;
		break;
	default:
		break;
	}
}

bool procstat_parse(const char *text, struct procstat *st)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct procstat found = { .exit_code = -1 };
	const char *p = text;
	uint64_t value;
	size_t len;
	int n = 4;

	if (!open || !close || close < open || !number(&p, 10, &value) || p != open)
		return false;
	found.pid = (int32_t)value;
	len = (size_t)(close - open - 1);
	if (len > sizeof(found.comm) - 1)
		len = sizeof(found.comm) - 1;
	memcpy(found.comm, open + 1, len);
	if (close[1] != ' ' || !close[2] || close[3] != ' ')
		return false;
	found.state = close[2];
	p = close + 4;
	for (; n <= 52 && number(&p, 10, &value); n++)
		put_field(&found, n, value);
	if (n <= 22) /* an old or a cut line: without the start time it identifies nobody */
		return false;
	*st = found;
	return true;
}

void procstat_process(const struct procstat *st, struct snap_process *p)
{
	p->tgid = st->pid;
	p->ppid = st->ppid;
	p->start_ticks = st->start_ticks;
	memcpy(p->comm, st->comm, sizeof(p->comm));
	p->state = st->state;
	p->kernel = st->flags & PROCSTAT_KTHREAD;
	p->exit_code = st->state == 'Z' || st->state == 'X' ? st->exit_code : -1;
	p->pgrp = st->pgrp;
	p->session = st->session;
	p->tty_nr = st->tty_nr;
	p->tpgid = st->tpgid;
	p->fork_no_exec = st->flags & PROCSTAT_FORKNOEXEC;
	p->fork_no_exec_known = true;
	p->arg_start = st->arg_start;
	p->arg_end = st->arg_end;
	p->start_stack = st->start_stack;
	p->faults = st->faults;
	p->io_bytes = SNAP_UNKNOWN_U64;
	p->posix_timers = UINT32_MAX;
}

/*
 * Run time and the number of times it got the CPU. Both only grow, and a thread that ran has more
 * of the second one; run time is folded in for it tells a thread that has been running since
 * then.
 */
bool procstat_stamp(const char *schedstat, uint64_t *stamp)
{
	const char *p = schedstat;
	uint64_t run, wait, count;

	if (!number(&p, 10, &run) || !number(&p, 10, &wait) || !number(&p, 10, &count))
		return false;
	*stamp = run * 0x9e3779b97f4a7c15ull ^ count;
	return true;
}

bool procstat_stamp_status(const char *status, uint64_t *stamp)
{
	int64_t voluntary, other;

	if (!procfs_field_int(status, "voluntary_ctxt_switches:", &voluntary) ||
	    !procfs_field_int(status, "nonvoluntary_ctxt_switches:", &other))
		return false;
	*stamp = (uint64_t)voluntary + (uint64_t)other;
	return true;
}

void procstat_syscall(const char *text, struct snap_task *t)
{
	const char *p = text;
	uint64_t nr, args[6], sp, pc;

	t->has_syscall = t->in_fault = false;
	t->nr = 0;
	memset(t->args, 0, sizeof(t->args));
	t->sp = t->pc = 0;
	if (!number(&p, 10, &nr))
		return;
	if ((int64_t)nr >= 0)
		for (int i = 0; i < 6; i++)
			if (!number(&p, 16, &args[i]))
				return;
	if (!number(&p, 16, &sp) || !number(&p, 16, &pc))
		return;
	t->sp = sp;
	t->pc = pc;
	if ((int64_t)nr < 0) {
		/* Stopped while it computed is not a fault. */
		t->in_fault = t->state == 'D' || t->state == 'S';
		return;
	}
	t->has_syscall = true;
	t->nr = (int32_t)nr;
	t->compat = t->compat || (nr & X32_SYSCALL_BIT);
	memcpy(t->args, args, sizeof(t->args));
}
