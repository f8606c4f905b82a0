/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * disturb.bpf.c - counts everything that happens to the threads of some processes. For the test
 * that snag makes nothing happen; not a part of snag.
 */
#include "bpf/kernel_task.bpf.h"

#include "tests/disturb/disturb.h"
#include "tests/disturb/target.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct disturb_seen seen;

static __always_inline void count(struct task_struct *task, enum disturb_event event)
{
	if (!is_target(task))
		return;
	__sync_fetch_and_add(&seen.counts[event], 1);
	seen.latest[event].tid = BPF_CORE_READ(task, pid);
	bpf_get_current_comm(seen.latest[event].by, sizeof(seen.latest[event].by));
}

/* The arguments of each are those of its TP_PROTO in include/trace/events/. */

SEC("tp_btf/sched_switch")
int on_switch(__u64 *args)
{
	count((struct task_struct *)args[2], DISTURB_SWITCH);
	return 0;
}

SEC("tp_btf/sched_waking")
int on_waking(__u64 *args)
{
	count((struct task_struct *)args[0], DISTURB_WAKING);
	return 0;
}

SEC("tp_btf/sys_exit")
int on_exit(__u64 *args)
{
	(void)args;
	count(bpf_get_current_task_btf(), DISTURB_EXIT);
	return 0;
}

SEC("tp_btf/signal_generate")
int on_signal(__u64 *args)
{
	count((struct task_struct *)args[2], DISTURB_SIGNAL);
	return 0;
}
