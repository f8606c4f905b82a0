/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.h - the state of one walk up a stack. Inside of unwind/ only: for the two ways to walk.
 */
#pragma once

#include "unwind/modules.h"
#include "unwind/cfi/rows.h"
#include "unwind/unwind.h"

/* A frame larger than this is none: a register that happens to look like a frame pointer. */
static const uint64_t MAX_FRAME = 1 << 28;

/* Registers that a call leaves alone: System V ABI for AMD64, 3.2.1. */
static const uint32_t CALLEE_SAVED = 1u << STACK_RBX | 1u << STACK_RBP | 0xfu << STACK_R12 |
				     1u << STACK_RSP | 1u << STACK_PC;

struct walk {
	struct files *files;
	struct rows *rows;
	struct modules *modules;
	const struct snap_stack *stack;
	uint64_t regs[STACK_REGS];
	uint32_t known;
	bool exact;	  /* regs[STACK_PC] is where it stopped, not where it returns to */
	bool guessed;	  /* the CFA of the step that is being made */
	uint8_t how;	  /* enum frame_how of the registers as they are now */
	uint32_t turns;	  /* how often the stack went the wrong way */
	uint32_t scanned; /* words that guesses have looked at */
	struct unwind_frame *frames;
	uint32_t count, max;
	struct unwind_result *result;
};

/* Memory of the thread: from the copied bytes, else from the process. 0 or -errno. */
SNAG_MUST_CHECK
int walk_read(struct walk *w, uint64_t addr, void *buf, size_t len);

/* End it. False, for the caller to return. */
bool walk_end(struct walk *w, uint8_t end, const char *reason);

/* Add a frame at regs[STACK_PC], which lies in `area` or, with NULL, nowhere; false: no room. */
bool walk_add(struct walk *w, const struct module_area *area);

/* Is the register known? */
bool walk_knows(const struct walk *w, uint32_t reg);

/*
 * Steps without unwind information; each is true when the registers are those of the caller now.
 *
 * Code that has not made a frame yet: its return address is on top of the stack. `certain`: it
 * called a wrong address, so nothing was done there; else the call must be seen.
 */
bool guess_called(struct walk *w, bool certain);

/*
 * A caller who is in a register that is not known: vfork(2) of glibc has popped it. The child goes
 * on with the same stack and overwrites it by its own calls, which are of the same function: not
 * the place where the parent will go on, but whose it is.
 */
bool guess_popped(struct walk *w, uint64_t cfa);

/* By the chain of frame pointers, when rbp looks like one. */
bool guess_frame_pointer(struct walk *w);

/*
 * For what is built without CFI and without frame pointers (musl): the nearest word that a call of
 * code around here has left; a jump at the end of that code may have led to pc. It may be an old
 * one.
 */
bool guess_scan(struct walk *w);

/*
 * The CFA of a function that begins at `start` and counts from a frame pointer that is not known
 * (without BPF only sp and pc are). Sets `guessed`.
 */
bool guess_cfa(struct walk *w, uint64_t start, uint64_t *cfa);

/* Walk with libunwind. */
void walk_with_libunwind(struct walk *w);
