/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols.h - the function that holds an address of a file.
 *
 * From .symtab and .dynsym, the small table in .gnu_debugdata (xz), and a separate debug file. An
 * address that no symbol covers has no name: the start of its function is known from its frame
 * description, and the nearest symbol before it would be a lie.
 */
#pragma once

#include "unwind/elf/files.h"
#include "unwind/unwind.h"

/* Free them. NULL is fine. */
void symbols_free(struct symbols *s);
DEFINE_GUARD(symbols)
#define _cleanup_symbols_ _cleanup_(symbols_free_guard)

/*
 * Fill in function, raw, offset, start, from_fde and missing of the name of `addr`; `exact` as in
 * struct unwind_frame, `outside`: also from separate debug files. The file has `elf`. Strings
 * live as long as that.
 */
void symbols_name(struct code_file *f, bool outside, uint64_t addr, bool exact,
		  struct unwind_name *name);

/* That will be asked for next: all that are expected are found in one pass. */
void symbols_expect(struct code_file *f, bool outside, uint64_t addr, bool exact);

/* A name as its programmer wrote it: C++ and Rust. Yours, or NULL when it is nothing of these. */
char *symbols_demangle(const char *raw);
