/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.h - the raw material of a native stack: registers of one thread and the top of its stack.
 *
 * Taken without stopping the thread. Whether it stood still meanwhile is told by `status`: the
 * counters of its context switches and its state are read before and after everything else.
 *
 * A thread that is blocked in the kernel has the registers of its entry there, all of them. The
 * bpf reader knows all; the procfs reader knows sp and pc, see `known`.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* DWARF numbers of registers, System V ABI for AMD64, figure 3.36. */
enum stack_reg {
	STACK_RAX,
	STACK_RDX,
	STACK_RCX,
	STACK_RBX,
	STACK_RSI,
	STACK_RDI,
	STACK_RBP,
	STACK_RSP,
	STACK_R8,
	STACK_R12 = 12,
	STACK_R15 = 15,
	STACK_PC = 16,
	STACK_REGS = 17,
};

/* `known` of the two readers. */
#define STACK_KNOWN_ALL ((1U << STACK_REGS) - 1)
#define STACK_KNOWN_SP_PC (1U << STACK_RSP | 1U << STACK_PC)

enum stack_status {
	STACK_UNKNOWN = 0, /* nobody asked for it, or no way to tell: `why` */
	STACK_STABLE,	   /* it was off the CPU, in one and the same sleep, all the while */
	STACK_STALE,	   /* it is on a CPU: the registers are those of its last kernel entry */
	STACK_MOVED,	   /* it ran meanwhile: registers and bytes may be of different moments */
	STACK_DENIED,
	STACK_GONE,
	STACK_NONE,    /* it has none: a kernel thread, a zombie */
	STACK_UNREADY, /* stable registers, but its stack could not be read now: `why` */
	STACK_STATUS_COUNT,
};

enum {
	STACK_BATCH = 256,
	STACK_BYTES = 8192, /* at most, of one thread */
};

/* What a batch asks for. */
struct stack_ask {
	int32_t tgid, tid; /* in our own pid namespace */
	uint64_t start_ticks;
	/* a thread of its process sleeps uninterruptibly: its mmap_lock may be held for ever */
	bool suspicious;
	bool compat; /* known to run 32-bit code */
};

struct snap_stack {
	int32_t tgid, tid;
	uint64_t start_ticks;
	uint8_t status; /* enum stack_status */
	char state;	/* letter of stat(5), 0 unknown */
	bool compat;	/* 32-bit code: not unwound */
	bool suspicious;
	/* bit n: regs[n] is valid; 0: there are none, so there is nothing to unwind */
	uint32_t known;
	uint64_t regs[STACK_REGS];
	uint64_t fs_base; /* 0 unknown */
	int64_t nr;	  /* orig_ax: number of the system call, -1 none */
	/* equal to snap_task.stamp when the thread did not run since; 0 unknown */
	uint64_t stamp;
	/*
	 * The address space, for caches: equal numbers of one reader are the same one. mm_seq
	 * changes with every mmap(2) and munmap(2); 0 unknown.
	 */
	uint64_t mm_key, mm_seq;
	/*
	 * The top of the stack: byte_count bytes from address regs[STACK_RSP] on, at most to the
	 * end of the next page. Borrowed until the reader's next batch. NULL with byte_count 0.
	 * Bytes further up are read on demand (mem.h); they hold when the thread still has the same
	 * stamp afterwards.
	 */
	const uint8_t *bytes;
	uint32_t byte_count;
	const char *why; /* static text for people: why it is not stable, or has no bytes */
};

/* Up to STACK_BATCH threads, what is asked and where the answers go. */
struct stack_batch {
	const struct stack_ask *asks;
	uint32_t count;
	bool with_bytes; /* false: stamps only, and registers where they cost nothing */
	struct snap_stack *out;
	uint8_t *room; /* STACK_BYTES for each; reader_stacks() sees to it */
};

/* "stable", "stale", ...: the words of captures and JSON. Never NULL. */
const char *stack_status_name(uint8_t status);
