/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * stacks.bpf.c - user registers and the top of the user stack of other threads, while they sleep.
 *
 * `stacks` looks threads up by number, a batch a call. Nothing is sent to them and nothing waits
 * for them. The order is what makes a stack trustworthy: counters, on_cpu and state, then the
 * registers, then the stack, then on_cpu and state, then the counters again. Whoever ran in between
 * was on a CPU at one of the looks, or has a higher count of switches (kernel/sched/core.c: on_cpu
 * is set before a thread runs, its switch is counted before on_cpu is cleared).
 */
#include "kernel_task.bpf.h"

#include "event.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* include/linux/sched.h, include/linux/mm.h */
enum {
	PF_IO_WORKER = 0x10,
	PF_USER_WORKER = 0x4000,
	PF_KTHREAD = 0x200000,
	TS_COMPAT = 2,
	USER32_CS = 0x23, /* arch/x86/include/asm/segment.h */
	PAGE_BYTES = 4096,
};

/* VM_UFFD_MISSING, VM_UFFD_WP; VM_UFFD_MINOR has been bit 37, 38 and 41. */
static const __u64 VM_SERVED = 1ULL << 9 | 1ULL << 12 | 1ULL << 37 | 1ULL << 38 | 1ULL << 41;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct task_struct___stack {
	struct {
		unsigned long fsbase;
	} thread;
};

struct pt_regs___stack {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax;
	unsigned long ip, cs, sp;
};

struct vm_area_struct {
	unsigned long vm_end;
	unsigned long vm_flags;
	struct file *vm_file;
};

struct mm_struct___counter { /* 6.4 */
	int mm_lock_seq;
};

struct mm_struct___seqcount { /* 6.14 */
	struct {
		unsigned int sequence;
	} mm_lock_seq;
};

#pragma clang attribute pop

/*
 * kfuncs. Declared as externs they would make libbpf read all types of the kernel to find them, 10
 * to 20 ms: the loader puts their ids in the place of these numbers, see probe/stacks.c.
 */
static struct task_struct *(*task_from_tid)(__s32 tid) = (void *)EV_KFUNC_FROM_TID;
static void (*task_release)(struct task_struct *task) = (void *)EV_KFUNC_RELEASE;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, EV_STACK_BATCH);
	__type(key, __u32);
	__type(value, struct ev_stack);
} heads SEC(".maps");

struct stack_top {
	__u8 bytes[EV_STACK_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, EV_STACK_BATCH);
	__type(key, __u32);
	__type(value, struct stack_top);
} tops SEC(".maps");

#define order() __asm__ __volatile__("" ::: "memory")

static __always_inline void look_counters(struct ev_stack_stamp *s, struct task_struct *task)
{
	s->run_ns = task->se.sum_exec_runtime;
	if (bpf_core_field_exists(task->sched_info.pcount))
		s->pcount = task->sched_info.pcount;
	s->switches = task->nvcsw + task->nivcsw;
	order();
}

static __always_inline void look_state(struct ev_stack_stamp *s, struct task_struct *task)
{
	s->on_cpu = task->on_cpu;
	s->state = task->__state;
	order();
}

/*
 * The registers of its last entry into the kernel: while it is there, the ones it will return to.
 */
static __always_inline void look_regs(struct ev_stack *e, struct task_struct *task)
{
	struct pt_regs___stack *r = (void *)bpf_task_pt_regs(task);

	e->regs[0] = r->ax;
	e->regs[1] = r->dx;
	e->regs[2] = r->cx;
	e->regs[3] = r->bx;
	e->regs[4] = r->si;
	e->regs[5] = r->di;
	e->regs[6] = r->bp;
	e->regs[7] = r->sp;
	e->regs[8] = r->r8;
	e->regs[9] = r->r9;
	e->regs[10] = r->r10;
	e->regs[11] = r->r11;
	e->regs[12] = r->r12;
	e->regs[13] = r->r13;
	e->regs[14] = r->r14;
	e->regs[15] = r->r15;
	e->regs[16] = r->ip;
	e->nr = (__s64)r->orig_ax;
	e->fs_base = ((struct task_struct___stack *)task)->thread.fsbase;
	if ((task->thread_info.status & TS_COMPAT) || (r->cs & 0xffff) == USER32_CS)
		e->flags |= EV_STACK_COMPAT;
	order();
}

/* Even: no writer. Each mmap(2) and the like adds two. */
static __always_inline void look_space(struct ev_stack *e)
{
	void *mm = (void *)e->mm_ref;

	if (bpf_core_field_exists(((struct mm_struct___seqcount *)0)->mm_lock_seq.sequence))
		e->mm_seq = BPF_CORE_READ((struct mm_struct___seqcount *)mm, mm_lock_seq.sequence);
	else if (bpf_core_field_exists(((struct mm_struct___counter *)0)->mm_lock_seq))
		e->mm_seq = BPF_CORE_READ((struct mm_struct___counter *)mm, mm_lock_seq);
	else
		return;
	e->flags |= EV_STACK_MM_SEQ;
}

/* ---- the stack ------------------------------------------------------------------------------- */

struct found {
	__u64 end;
	__u32 served;
};

static long on_area(struct task_struct *task __attribute__((unused)), struct vm_area_struct *area,
		    struct found *found)
{
	found->end = area->vm_end;
	found->served = (area->vm_flags & VM_SERVED) != 0 || BPF_CORE_READ(area, vm_file) != NULL;
	return 0;
}

/*
 * bpf_find_vma() only tries the mmap_lock: when it is held, perhaps for ever by a thread that is
 * stuck in the kernel, the copy would wait for it.
 */
static __always_inline void copy_stack(struct ev_stack *e, struct task_struct *task, void *to)
{
	__u64 sp = e->regs[7], len = EV_STACK_BYTES - (sp & (PAGE_BYTES - 1));
	struct found found = {};
	long rc = bpf_find_vma(task, sp, on_area, &found, 0);

	e->bytes = EV_STACK_COPIED;
	if (rc < 0 || found.end <= sp)
		e->bytes = rc == -16 /* -EBUSY */ ? EV_STACK_LOCKED : EV_STACK_UNMAPPED;
	else if (found.served)
		e->bytes = EV_STACK_SERVED;
	if (e->bytes != EV_STACK_COPIED)
		return;
	if (len > found.end - sp)
		len = found.end - sp;
	/* the verifier forgets what it knew when the compiler moves the comparison */
	barrier_var(len);
	if (len == 0 || len > EV_STACK_BYTES)
		return;
	if (bpf_copy_from_user_task(to, len, (void *)sp, task, 0) < 0)
		e->bytes = EV_STACK_FAULT;
	else
		e->byte_count = len;
	order();
}

/* ---- a thread -------------------------------------------------------------------------------- */

static __always_inline bool has_user_side(const struct ev_stack *e)
{
	return e->mm_ref && !e->exit_state &&
	       !(e->pf_flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER));
}

static __always_inline void look(struct ev_stack *e, struct task_struct *task, void *to)
{
	e->flags = EV_STACK_FOUND;
	e->bytes = EV_STACK_NOT_ASKED;
	e->byte_count = 0;
	e->start_ns = task->start_boottime;
	e->pf_flags = task->flags;
	e->exit_state = task->exit_state;
	e->mm_ref = (__u64)BPF_CORE_READ(task, mm);
	look_counters(&e->before, task);
	look_state(&e->before, task);
	if (has_user_side(e)) {
		e->flags |= EV_STACK_USER;
		look_space(e);
		look_regs(e, task);
		if (to)
			copy_stack(e, task, to);
	}
	look_state(&e->after, task);
	look_counters(&e->after, task);
}

static int step(__u32 i, struct ev_stack_batch *batch)
{
	struct ev_stack *e = bpf_map_lookup_elem(&heads, &i);
	struct stack_top *top = bpf_map_lookup_elem(&tops, &i);
	struct task_struct *task;

	if (!e || !top)
		return 1;
	e->flags = 0;
	task = task_from_tid(e->tid);
	if (!task)
		return 0;
	look(e, task, batch->with_bytes ? top : NULL);
	task_release(task);
	return 0;
}

SEC("batch") int stacks(struct ev_stack_batch *ctx)
{
	struct ev_stack_batch batch = { ctx->count, ctx->with_bytes };

	bpf_loop(batch.count, step, &batch, 0);
	return 0;
}
