/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * walk.h - the state of one walk up a stack. Inside of unwind/ only: for the two ways to walk.
 */
#pragma once

#include "unwind/modules.h"
#include "unwind/cfi/rows.h"
#include "unwind/unwind.h"

struct walk {
	struct files *files;
	struct rows *rows;
	struct modules *modules;
	const struct snap_stack *stack;
	uint64_t regs[STACK_REGS];
	uint32_t known;
	bool exact;	/* regs[STACK_PC] is where it stopped, not where it returns to */
	uint8_t how;	/* enum frame_how of the registers as they are now */
	uint32_t turns; /* how often the stack went the wrong way */
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

/* Walk with libunwind. */
void walk_with_libunwind(struct walk *w);
