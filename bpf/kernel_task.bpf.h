/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * kernel_task.bpf.h - what kernel.bpf.h is, for tasks and what hangs on them.
 */
#pragma once

#include "kernel_signal.bpf.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct mm_struct {
	unsigned long start_code, start_stack, arg_start, arg_end, exec_vm;
	struct file *exe_file;
};

struct cred {
	struct {
		unsigned int val;
	} uid;
	struct user_namespace *user_ns;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_freezer_state {
	int e_freeze; /* bool since 6.18 */
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_freezer_state freezer;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct freezer {
	struct cgroup_subsys_state css;
	unsigned int state;
};

struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};

enum cgroup_subsys_id {
	freezer_cgrp_id = 0,
};

struct sem_undo {
	struct list_head list_proc;
	int semid;
	short semadj[1];
};

struct sem_undo___pointer { /* before 6.1x */
	short *semadj;
};

struct sem_undo_list {
	struct list_head list_proc;
};

struct sysv_sem {
	struct sem_undo_list *undo_list;
};

struct mutex {
	struct {
		long counter;
	} owner;
};

struct semaphore {
	unsigned long last_holder;
};

struct rw_semaphore {
	struct {
		long counter;
	} owner;
};

struct rt_mutex_base {
	struct task_struct *owner;
};

struct rt_mutex_waiter {
	struct rt_mutex_base *lock;
};

struct sched_entity {
	__u64 sum_exec_runtime, prev_sum_exec_runtime;
};

struct fdtable {
	unsigned int max_fds;
	unsigned long *open_fds;
};

struct files_struct {
	struct fdtable *fdt;
};

struct sched_info {
	unsigned long pcount;
	unsigned long long last_arrival;
};

struct restart_block {
	void *fn;
	struct {
		unsigned int *uaddr;
	} futex; /* one of a union; only its offset counts */
};

struct thread_info {
	unsigned long flags;
	__u32 status;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	unsigned int flags, ptrace;
	int on_cpu;
	struct sched_entity se;
	struct sched_info sched_info;
	struct mm_struct *mm;
	int exit_state, exit_code, exit_signal;
	unsigned long jobctl;
	struct restart_block restart_block;
	int pid, tgid;
	struct task_struct *real_parent, *parent, *group_leader;
	struct pid *thread_pid;
	struct completion *vfork_done;
	int *clear_child_tid;
	unsigned long nvcsw, nivcsw, min_flt, maj_flt;
	struct task_io_accounting ioac;
	__u64 start_boottime;
	const struct cred *cred;
	char comm[16];
	struct sysv_sem sysvsem;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	struct {
		unsigned long sig[1];
	} blocked;
	struct sigpending pending;
	struct rt_mutex_waiter *pi_blocked_on;
	unsigned long blocker;
	struct mutex *blocked_on;
	struct css_set *cgroups;
	void *robust_list;
};

struct pt_regs {
	unsigned long r10, r9, r8, dx, si, di, orig_ax, ip, sp, bx, cx, bp;
};

#pragma clang attribute pop
