/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * kernel_signal.bpf.h - what kernel.bpf.h is, for signals, timers and what threads of a process
 * share.
 */
#pragma once

#include "kernel.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct sigpending {
	struct list_head list;
	struct {
		unsigned long sig[1];
	} signal;
};

struct kernel_siginfo {
	int si_signo;
	union {
		struct {
			int _pid;
		} _kill;
	} _sifields;
};

struct sigqueue {
	struct list_head list;
	struct kernel_siginfo info;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct k_itimer {
	struct hlist_node list; /* struct list_head before 6.13; `next` is first in both */
	int it_clock;
	union {
		struct {
			struct hrtimer timer;
		} real;
	} it;
};

struct task_io_accounting {
	__u64 rchar, wchar;
};

struct signal_struct {
	int nr_threads;
	struct sigpending shared_pending;
	int group_exit_code;
	unsigned int flags;
	unsigned int is_child_subreaper : 1;
	struct hlist_head posix_timers; /* struct list_head before 6.13 */
	struct hrtimer real_timer;
	struct pid *pids[4];
	struct tty_struct *tty;
	unsigned long min_flt, maj_flt;
	struct task_io_accounting ioac;
};

#pragma clang attribute pop
