/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * expr.h - DWARF expressions as they occur in unwind information: DWARF 5, 2.5. Foreign code, so
 * its stack and its steps are bounded.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What an expression may look at. */
struct expr_env {
	const uint64_t *regs; /* by DWARF number, STACK_REGS of them */
	uint32_t known;	      /* bit n: regs[n] is valid */
	bool has_cfa;
	uint64_t cfa;  /* pushed first when there is one */
	uint64_t bias; /* what is added to DW_OP_addr */
	/* `len` bytes (at most 8) of memory at `addr`, into *value. 0 or -errno. */
	int (*read)(void *arg, uint64_t addr, uint32_t len, uint64_t *value);
	void *arg;
};

/*
 * What an expression of `len` bytes says. -EBADMSG it makes no sense, -ENODATA it asks for a
 * register that is not known, else what read() failed with.
 */
SNAG_MUST_CHECK
int expr_run(const uint8_t *expr, uint64_t len, const struct expr_env *env, uint64_t *value);
