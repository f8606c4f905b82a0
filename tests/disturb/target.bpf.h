/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * target.bpf.h - which threads belong to the processes that are watched. For tests, not for snag.
 */
#pragma once

#include "bpf/kernel_task.bpf.h"

/* The processes, by their number in the pid namespace `pid_ns`. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps");

const volatile __u32 pid_ns;

static __always_inline bool is_target(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	struct upid at = { 0 };

	/* The last number is the one in the process's own namespace. */
	bpf_probe_read_kernel(&at, sizeof(at),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      BPF_CORE_READ(pid, level) * sizeof(at));
	__u32 tgid = (__u32)at.nr;
	return bpf_map_lookup_elem(&targets, &tgid) && BPF_CORE_READ(at.ns, ns.inum) == pid_ns;
}
