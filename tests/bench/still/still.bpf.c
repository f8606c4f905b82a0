/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * still.bpf.c - how long threads are kept from their waits, see still.h. Not a part of snag.
 */
#include "bpf/kernel_task.bpf.h"

#include "tests/bench/still/thread.h"
#include "tests/disturb/target.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* By number in the first pid namespace. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, struct still_thread);
} threads SEC(".maps");

/* include/linux/sched.h */
enum { ASLEEP = 1 | 2, HELD = 4 | 8 }; /* TASK_(UN)INTERRUPTIBLE, __TASK_STOPPED, __TASK_TRACED */

/* The arguments of each are those of its TP_PROTO in include/trace/events/sched.h. */

SEC("tp_btf/sched_waking")
int on_waking(__u64 *args)
{
	struct task_struct *task = (struct task_struct *)args[0];
	struct still_thread first = { .since = bpf_ktime_get_ns() }, *t;
	__u32 tid;

	if (!is_target(task))
		return 0;
	tid = BPF_CORE_READ(task, pid);
	t = bpf_map_lookup_elem(&threads, &tid);
	if (!t)
		bpf_map_update_elem(&threads, &tid, &first, BPF_ANY);
	else if (!t->since)
		t->since = first.since;
	return 0;
}

/* prev_state is an argument since Linux 5.18. */
SEC("tp_btf/sched_switch")
int on_switch(__u64 *args)
{
	struct task_struct *prev = (struct task_struct *)args[1];
	__u32 tid, state = (__u32)args[3];
	struct still_thread *t;

	if (args[0] || !(state & ASLEEP) || state & HELD || !is_target(prev))
		return 0;
	tid = BPF_CORE_READ(prev, pid);
	t = bpf_map_lookup_elem(&threads, &tid);
	if (t && t->since) {
		t->total += bpf_ktime_get_ns() - t->since;
		t->since = 0;
	}
	return 0;
}
