/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h - one frame of a native stack and why a walk ended: plain data.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How a frame was found. */
enum frame_how {
	FRAME_FIRST = 1,   /* the registers themselves */
	FRAME_CFI,	   /* .eh_frame of the frame below */
	FRAME_EXPRESSION,  /* the same, with a DWARF expression in it */
	FRAME_DEBUG_FRAME, /* .debug_frame of the frame below, through libdw */
	FRAME_SIGNAL,	   /* a signal frame below, laid out by the kernel: no CFI was needed */
	FRAME_CALLED,	   /* what jumped to a wrong address: the word on top of the stack */
	FRAME_POINTER,	   /* the chain of saved rbp: may have left out callers */
	FRAME_GUESS,	   /* the first word on the stack that a call of this code left there */
	FRAME_PORTABLE,	   /* libunwind, which does not say */
	FRAME_HOW_COUNT,
};

/* Why a walk ended. */
enum unwind_end {
	UNWIND_OUTERMOST = 1, /* the CFI says that nobody called this: the true end */
	UNWIND_ZERO,	      /* a return address of 0, behind code without CFI */
	UNWIND_NO_REGISTERS,  /* pc and sp are not known */
	UNWIND_LOST_REGISTER, /* the rule needs a register that is not known */
	UNWIND_UNMAPPED,      /* the return address is not in executable memory */
	UNWIND_NO_CFI,	      /* code without CFI and without a plausible frame pointer */
	UNWIND_NO_FILE,	      /* the same; the file could not be read: see the reason */
	UNWIND_NO_MEMORY,     /* stack memory could not be read: see the reason */
	UNWIND_BAD_CFI,	      /* CFI that makes no sense */
	UNWIND_LOOP,	      /* the stack pointer did not move up */
	UNWIND_LIMIT,	      /* more frames than are kept */
	UNWIND_NO_MODULES,    /* the address space could not be read: see the reason */
	UNWIND_COMPAT,	      /* 32-bit code, which is not unwound */
	UNWIND_END_COUNT,
};

struct unwind_frame {
	uint64_t pc;
	uint64_t cfa;  /* what sp was before the call; 0 when the walk ended here */
	uint64_t addr; /* pc as the symbols of `file` count; pc itself without a file */
	uint32_t file; /* for names: number of the file in its unwinder, 0 none */
	uint8_t how;   /* enum frame_how */
	bool exact;    /* pc is where it stopped, not behind a call: do not look at pc - 1 */
	bool signal;   /* this is the code that a signal handler returns to */
};

/* "first", "cfi", ...: the words of captures and JSON. Never NULL. */
const char *frame_how_name(uint8_t how);

/* "outermost", "zero return address", ... Never NULL. */
const char *unwind_end_name(uint8_t end);
