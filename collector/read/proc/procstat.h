/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procstat.h - the one-line files of a thread: stat, schedstat, syscall, and the stamp made of
 * them.
 *
 * proc(5); fs/proc/array.c do_task_stat(), fs/proc/base.c proc_pid_schedstat() and
 * proc_pid_syscall().
 */
#pragma once

#include "read/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	PROCSTAT_FORKNOEXEC = 0x40,  /* PF_FORKNOEXEC of include/linux/sched.h */
	PROCSTAT_KTHREAD = 0x200000, /* PF_KTHREAD */
};

/* What is used of /proc/P/stat. */
struct procstat {
	int32_t pid, ppid, pgrp, session, tty_nr, tpgid;
	char comm[16];
	char state;
	uint32_t flags;		     /* PF_* */
	uint64_t faults;	     /* fields 10 and 12: page faults, minor and major */
	uint64_t user_ticks;	     /* field 14: CPU time outside of the kernel */
	uint64_t system_ticks;	     /* field 15: and in it */
	uint64_t start_ticks;	     /* field 22 */
	uint64_t start_stack;	     /* field 28; 0 when we may not see it */
	uint64_t arg_start, arg_end; /* fields 48, 49; 0 when we may not see them */
	int32_t exit_code;	     /* field 52; -1 on kernels that have no such field */
};

/* Parse a stat line. The name may hold anything, also ") R 1 (". False: not such a line. */
bool procstat_parse(const char *text, struct procstat *st);

/* What the line tells of a process into `p`; what it does not tell is set to "unknown". */
void procstat_process(const struct procstat *st, struct snap_process *p);

/* The stamp of a schedstat line "run_ns wait_ns pcount": changes whenever the thread ran. */
bool procstat_stamp(const char *schedstat, uint64_t *stamp);

/* The stamp of a status text, from its two context switch counters, where there is no schedstat. */
bool procstat_stamp_status(const char *status, uint64_t *stamp);

/*
 * Parse a line of /proc/P/syscall into has_syscall, in_fault, nr, args, sp and pc of `t`, which
 * all are cleared first. "running" leaves them so.
 */
void procstat_syscall(const char *text, struct snap_task *t);
