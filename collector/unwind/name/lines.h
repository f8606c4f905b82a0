/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lines.h - file, line and inlined functions of an address, through libdw.
 */
#pragma once

#include "unwind/elf/files.h"
#include "unwind/unwind.h"

/* Free them. NULL is fine. */
void lines_free(struct lines *l);
DEFINE_GUARD(lines)
#define _cleanup_lines_ _cleanup_(lines_free_guard)

/*
 * The lines of `addr`, innermost first: how many. 0: *missing says why. Strings live as long as
 * the file.
 */
uint32_t lines_find(struct code_file *f, uint64_t addr, struct unwind_line *lines, uint32_t max,
		    const char **missing);
