/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * event_stack.h - registers and stacks of a batch of threads: slots of two arrays that both sides
 * map. The collector writes `tid` of each slot, the kernel side the rest.
 *
 * *_ref is a kernel address, as in event.h.
 */
#pragma once

#include <linux/types.h>

enum {
	EV_STACK_BATCH = 256,
	EV_STACK_BYTES = 8192, /* of a slot: from the stack pointer to the end of the next page */
	EV_STACK_REGS = 17,    /* by their DWARF numbers; the last one is the pc */
};

enum ev_stack_flags {
	EV_STACK_FOUND = 1,
	EV_STACK_USER = 2,   /* it has registers of user space */
	EV_STACK_COMPAT = 4, /* 32-bit code */
	EV_STACK_MM_SEQ = 8, /* mm_seq is known */
};

/* Why there are no bytes of the stack. */
enum ev_stack_bytes {
	EV_STACK_NOT_ASKED = 0,
	EV_STACK_COPIED,
	EV_STACK_LOCKED,   /* somebody holds the mmap_lock, or waits for it */
	EV_STACK_UNMAPPED, /* the stack pointer points to nothing */
	EV_STACK_SERVED,   /* the memory is a file's or a userfaultfd's: reading it might block */
	EV_STACK_FAULT,
};

/* What changes when a thread runs. */
struct ev_stack_stamp {
	__u64 run_ns, pcount, switches; /* as in struct ev_stamp */
	__u32 state, on_cpu;
};
_Static_assert(sizeof(struct ev_stack_stamp) == 32, "ABI");

struct ev_stack {
	__s32 tid;   /* in: in the reader's pid namespace */
	__u32 flags; /* enum ev_stack_flags */
	__u64 start_ns;
	struct ev_stack_stamp before, after;
	__u64 regs[EV_STACK_REGS];
	__u64 fs_base;
	__s64 nr; /* orig_ax */
	__u64 mm_ref, mm_seq;
	__u32 exit_state, pf_flags;
	__u32 bytes; /* enum ev_stack_bytes */
	__u32 byte_count;
};
_Static_assert(sizeof(struct ev_stack) == 264, "ABI");

/*
 * In place of kernel functions, until the loader puts in their ids: no helpers have such numbers.
 */
enum {
	EV_KFUNC_FROM_TID = 0x7f000001, /* bpf_task_from_vpid, bpf_task_from_pid */
	EV_KFUNC_RELEASE,		/* bpf_task_release */
};

/* How a batch is run: the context of the program. */
struct ev_stack_batch {
	__u32 count;
	__u32 with_bytes;
};
_Static_assert(sizeof(struct ev_stack_batch) == 8, "ABI");
