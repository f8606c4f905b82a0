/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/frame.h"

#include <stddef.h>

const char *frame_how_name(uint8_t how)
{
	static const char *const names[FRAME_HOW_COUNT] = {
		[FRAME_FIRST] = "first",	   [FRAME_CFI] = "cfi",
		[FRAME_EXPRESSION] = "expression", [FRAME_DEBUG_FRAME] = "debug-frame",
		[FRAME_SIGNAL] = "signal",	   [FRAME_CALLED] = "called",
		[FRAME_POINTER] = "frame-pointer", [FRAME_GUESS] = "guess",
		[FRAME_PORTABLE] = "libunwind",
	};

	return how < FRAME_HOW_COUNT && names[how] ? names[how] : "unknown";
}

const char *unwind_end_name(uint8_t end)
{
	static const char *const names[UNWIND_END_COUNT] = {
		[UNWIND_OUTERMOST] = "outermost",
		[UNWIND_ZERO] = "return address 0",
		[UNWIND_NO_REGISTERS] = "no registers",
		[UNWIND_LOST_REGISTER] = "a register is not known",
		[UNWIND_UNMAPPED] = "return address outside of code",
		[UNWIND_NO_CFI] = "no unwind information",
		[UNWIND_NO_FILE] = "file not readable",
		[UNWIND_NO_MEMORY] = "stack memory not readable",
		[UNWIND_BAD_CFI] = "bad unwind information",
		[UNWIND_LOOP] = "stack does not go on",
		[UNWIND_LIMIT] = "too many frames",
		[UNWIND_NO_MODULES] = "address space not readable",
		[UNWIND_COMPAT] = "32-bit code",
	};

	return end < UNWIND_END_COUNT && names[end] ? names[end] : "unknown";
}
