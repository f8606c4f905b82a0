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
 * The first bytes of a structure, copied: one call of a helper (40 ns) instead of one a member. A
 * member that lies further back is read by itself. `block` is an array of __u64, `from` where it
 * was copied from.
 */
#define copy_block(block, from, type)                                                              \
	bpf_probe_read_kernel(block,                                                               \
			      bpf_core_type_size(struct type) < sizeof(block) ?                    \
				      bpf_core_type_size(struct type) :                            \
				      sizeof(block),                                               \
			      from)
#define part(block, from, type, member)                                                            \
	({                                                                                         \
		__typeof__(((struct type *)0)->member) _value;                                     \
		__u64 _at = bpf_core_field_offset(struct type, member);                            \
                                                                                                   \
		if (_at + sizeof(_value) <= sizeof(block))                                         \
			_value = *(__typeof__(_value) *)((void *)block + _at);                     \
		else                                                                               \
			bpf_probe_read_kernel(&_value, sizeof(_value), (void *)(from) + _at);      \
		_value;                                                                            \
	})

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

/* The number of `pid` in the reader's namespace, 0 if it has none there. `pid` may be NULL. */
static __noinline __s32 pid_nr(struct pid_room *room, struct pid *pid)
{
	struct upid at;

	if (!room || !pid)
		return 0;
	bpf_probe_read_kernel(room->block, sizeof(room->block), pid);
	if (part(room->block, pid, pid, level) < own_level)
		return 0;
	at = pid_at(room, pid, own_level);
	return at.ns == own_ns ? at.nr : 0;
}

/*
 * Nanoseconds until an armed high resolution timer fires; may be negative when it just does. Every
 * clock base is CLOCK_MONOTONIC plus an offset (kernel/time/hrtimer.c).
 */
static __noinline __s64 hrtimer_left(struct hrtimer *timer)
{
	__s64 offset = BPF_CORE_READ(timer, base, offset);

	return BPF_CORE_READ(timer, node.expires) - offset - (__s64)bpf_ktime_get_ns();
}
