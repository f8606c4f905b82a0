/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * event.h - the ABI between the kernel side and the collector: records of the iterators.
 *
 * Each record starts with struct ev_head; a reader skips kinds it does not know by `size`. Numbers
 * are append-only. Everything is naturally aligned and a multiple of 8 bytes long; there is no
 * padding.
 *
 * Fields called *_ref are kernel addresses. They tell objects apart within one snapshot and nothing
 * else: the collector renumbers them at once, they are never printed and never stored.
 * All pids are those of the reader's own pid namespace, 0 where a task is not visible there.
 */
#pragma once

#include "bpf/event_head.h"

enum ev_kind {
	EV_STAMP = 1,	  /* a thread, as little as the second collect needs */
	EV_PROCESS = 2,	  /* what threads share; comes right before the leader's EV_TASK */
	EV_TASK = 3,	  /* a thread */
	EV_UNDO = 4,	  /* a SEM_UNDO entry */
	EV_FILE = 5,	  /* a descriptor that can be waited on */
	EV_SOCK = 6,	  /* a socket: after its EV_FILE, or one that nobody accepted yet */
	EV_SOCK_PATH = 7, /* the name a unix socket is bound to */
	EV_EPITEM = 8,	  /* an item of an epoll set */
	EV_URING = 9,	  /* a pending io_uring request */
	EV_INFLIGHT = 10, /* a descriptor queued in a unix socket */
};

struct ev_stamp {
	struct ev_head head;
	__s32 tgid, tid;
	__u64 start_ns; /* CLOCK_BOOTTIME */
	__u64 run_ns;	/* se.sum_exec_runtime */
	__u64 pcount;	/* sched_info.pcount */
	__u64 switches; /* nvcsw + nivcsw */
	__u32 state, exit_state;
};
_Static_assert(sizeof(struct ev_stamp) == 56, "ABI");

enum ev_task_flags {
	EV_TASK_REGS = 1,   /* nr..ip are valid */
	EV_TASK_COMPAT = 2, /* inside a 32-bit system call */
	EV_TASK_ON_CPU = 4,
	EV_TASK_VFORK = 8,     /* its vfork parent still waits for it */
	EV_TASK_FROZEN = 16,   /* stopped by a cgroup freezer, either version */
	EV_TASK_UNDO_CUT = 32, /* it has more SEM_UNDO entries than records */
	EV_TASK_SENDER = 64,   /* sender_* describe the first queued signal */
};

enum ev_lock_kind {
	EV_LOCK_NONE = 0,
	EV_LOCK_MUTEX,
	EV_LOCK_SEMAPHORE,
	EV_LOCK_RWSEM_READ,
	EV_LOCK_RWSEM_WRITE,
};

struct ev_task {
	struct ev_head head; /* enum ev_task_flags */
	__s32 tgid, tid;
	__s32 ns_tgid, ns_tid;	   /* in its innermost pid namespace */
	__s32 parent_tgid, forker; /* real_parent: the thread that forked it, or the reaper */
	__s32 tracer, exit_signal;
	__u64 start_ns; /* CLOCK_BOOTTIME */
	__u64 run_ns, pcount, switches;
	__u64 last_arrival;	 /* sched_clock when it last got a CPU */
	__u64 last_run_ns;	 /* how long it then ran, if it is scheduled fairly */
	__u64 io_bytes, faults;	 /* rchar + wchar; minor + major */
	__u64 stack_hash;	 /* equal ones sleep in the same kernel function; 0 unknown */
	__u32 state, exit_state; /* TASK_* of include/linux/sched.h */
	__u32 pf_flags, ptrace;	 /* PF_*, PT_* */
	__s64 nr;		 /* orig_ax; -1 not in a system call */
	__u64 args[6];
	__u64 sp, ip;
	__u64 jobctl;
	__u64 sig_pending, sig_blocked;
	__u64 clear_child_tid, robust_list;
	__u64 restart_ref; /* restart_block.fn */
	__u64 restart[5];  /* its union, as it is */
	__u64 mm_ref, files_ref;
	__s32 pi_owner; /* tid, 0 none */
	__s32 lock_owner;
	__u32 lock_kind; /* enum ev_lock_kind */
	__u32 uid;
	__s32 sender_tgid, sender_signal; /* first signal queued to the thread alone */
	char comm[16];
};
_Static_assert(sizeof(struct ev_task) == 344, "ABI");

struct ev_process {
	struct ev_head head; /* EV_TASK_SENDER: of the shared queue */
	__s32 tgid, exit_code;
	__s32 pgrp, session;
	__s32 tty_nr, tpgid;
	__u32 signal_flags; /* SIGNAL_* of include/linux/sched/signal.h */
	__u32 threads;
	__u64 sig_pending; /* the shared queue */
	__u64 sig_ignored, sig_caught;
	__s32 sender_tgid, sender_signal;
	__s64 itimer_left_ns; /* ITIMER_REAL, meaningful with armed bit 0 */
	__s64 timer_left_ns;  /* the next POSIX timer, meaningful with timers > 0 */
	__u32 itimer_armed;
	__u32 timers; /* armed POSIX timers */
	__u64 start_stack, arg_start, arg_end, start_code;
	__u64 exe_ino;
	__u64 cgroup_id; /* version 2 */
	__u32 exe_dev;	 /* kernel encoding: major << 20 | minor */
	__u32 freezer;	 /* version 1: freezer.state bits */
	__u32 pid_ns, net_ns, mnt_ns, user_ns, ipc_ns;
	__u32 subreaper;
	__u64 io_bytes, faults; /* of threads that have ended */
	__u32 fds;		/* open descriptors, 0xffffffff not counted */
	__u32 code_pages;	/* mapped executable; 0 none, or no address space */
	__u64 cgroups_ref;	/* equal numbers: the same text in /proc/P/cgroup */
	__u64 exe_ref;		/* equal numbers: the same link in /proc/P/exe */
};
_Static_assert(sizeof(struct ev_process) == 216, "ABI");

enum { EV_UNDO_ADJ = 32 };

struct ev_undo {
	struct ev_head head;
	__s32 tgid, semid;
	__s16 adj[EV_UNDO_ADJ]; /* the first ones; what lies past the set's size is noise */
};
_Static_assert(sizeof(struct ev_undo) == 80, "ABI");

#include "bpf/event_file.h"
#include "bpf/event_stack.h"
