/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * walk.bpf.h - bounded walks over kernel structures, and numbers as the reader's namespaces see
 * them.
 */
#pragma once

#include "kernel.bpf.h"

enum bpf_func_id___walk { BPF_FUNC_loop___walk = 181 };

/*
 * Call step(i, state) for i < n until it returns 1. Before Linux 5.17 there is no bpf_loop: then at
 * most `old` steps, because the verifier looks at each of them, and has little patience with walks
 * in walks.
 */
#define walk(n, old, step, state)                                                                  \
	do {                                                                                       \
		if (bpf_core_enum_value_exists(enum bpf_func_id___walk, BPF_FUNC_loop___walk)) {   \
			bpf_loop(n, step, state, 0);                                               \
			break;                                                                     \
		}                                                                                  \
		for (__u32 _i = 0; _i < (old) && _i < (__u32)(n); _i++)                            \
			if (step(_i, state))                                                       \
				break;                                                             \
	} while (0)

/* The structure that has `member` at `address`. */
#define holder_of(address, type, member)                                                           \
	((struct type *)((void *)(address)-bpf_core_field_offset(struct type, member)))

/*
 * A member, or a member of what it points to and so on; 0 where memory cannot be read. The pointer
 * may stand in a structure of ours: of that no offset is to be corrected.
 */
#define peek(pointer, ...)                                                                         \
	({                                                                                         \
		__typeof__(pointer) _from = (pointer);                                             \
                                                                                                   \
		BPF_CORE_READ(_from, __VA_ARGS__);                                                 \
	})

/*
 * The beginning of a structure, copied: one call of a helper (40 ns) instead of one a member.
 * `offsets`: those of all members that of() is asked for, or'ed. Plus one word that is behind the
 * last of them, and at most twice as far. All this is constant once the program is loaded, so there
 * is nothing to choose for each member, which the verifier would follow: it takes a third less
 * time. `block` is an array of __u64.
 */
#define copy_block(block, from, type, offsets)                                                     \
	do {                                                                                       \
		__u64 _bytes = lesser((offsets) + sizeof(__u64), bpf_core_type_size(struct type)); \
                                                                                                   \
		if (_bytes > sizeof(block))                                                        \
			does_not_fit();                                                            \
		bpf_probe_read_kernel(block, _bytes, from);                                        \
	} while (0)
#define offset_in(type, member) bpf_core_field_offset(struct type, member)
#define of(block, type, member) (((struct type *)(void *)(block))->member)

/* Without a branch. Both are less than half of all numbers. */
static __always_inline __u64 lesser(__u64 a, __u64 b)
{
	__s64 differ = a - b;

	barrier_var(differ);
	return b + (differ & differ >> 63);
}

/*
 * No helper has this number. Where it would be called, in a kernel whose structures are that much
 * larger, the verifier refuses the program, and the collector does without.
 */
static long (*const does_not_fit)(void) = (void *)0x51ab;

/* The next node of a list_head, an hlist_node or whatever starts with its successor. */
static __always_inline void *list_next(void *node)
{
	struct list_head *at = node;

	return BPF_CORE_READ(at, next);
}

/* The namespace of the reader, found on the first record: its pids are the ones reported. */
static void *own_ns;
static __u32 own_level;

static __always_inline void own_ns_find(void)
{
	struct task_struct___pid {
		struct pid *thread_pid;
	} __attribute__((preserve_access_index)) * me;
	struct pid *pid;
	struct upid at;

	if (own_ns)
		return;
	me = (void *)bpf_get_current_task();
	pid = BPF_CORE_READ(me, thread_pid);
	own_level = BPF_CORE_READ(pid, level);
	bpf_probe_read_kernel(&at, sizeof(at),
			      (void *)pid + bpf_core_field_offset(struct pid, numbers) +
				      own_level * sizeof(at));
	own_ns = at.ns;
}

/* Where a struct pid is copied to, with its first few numbers. */
struct pid_room {
	__u64 block[24];
};

/* The number of `pid`, which pid_nr() looked at, at `level` of the namespaces. */
static __always_inline struct upid pid_at(struct pid_room *room, struct pid *pid, __u32 level)
{
	__u64 at = bpf_core_field_offset(struct pid, numbers) + level * sizeof(struct upid);
	struct upid found = {};

	if (level < 4 && at + sizeof(found) <= sizeof(room->block))
		found = *(struct upid *)((void *)room->block + (at & 0xff));
	else
		bpf_probe_read_kernel(&found, sizeof(found), (void *)pid + at);
	return found;
}

/*
 * The number of `pid` in the reader's namespace, 0 if it has none there. `pid` may be NULL.
 *
 * A function that is not static is looked at once by the verifier, a static one again at each of
 * its calls. What it is given must be memory of ours or a number.
 */
__noinline __s32 pid_number(struct pid_room *room, __u64 pid_ref)
{
	struct pid *pid = (void *)pid_ref;
	struct upid at;

	if (!room || !pid)
		return 0;
	bpf_probe_read_kernel(room->block, sizeof(room->block), pid);
	if (of(room->block, pid, level) < own_level)
		return 0;
	at = pid_at(room, pid, own_level);
	return at.ns == own_ns ? at.nr : 0;
}
#define pid_nr(room, pid) pid_number(room, (__u64)(pid))

/*
 * Nanoseconds until an armed high resolution timer fires; may be negative when it just does. Every
 * clock base is CLOCK_MONOTONIC plus an offset (kernel/time/hrtimer.c).
 */
__noinline __s64 hrtimer_left_of(__u64 timer_ref)
{
	struct hrtimer *timer = (void *)timer_ref;
	__s64 offset = BPF_CORE_READ(timer, base, offset);

	return BPF_CORE_READ(timer, node.expires) - offset - (__s64)bpf_ktime_get_ns();
}
#define hrtimer_left(timer) hrtimer_left_of((__u64)(timer))
