/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug_file.h - what a file left out and somebody else keeps: separate debug files, the table in
 * .gnu_debugdata, .debug_frame.
 */
#pragma once

#include "unwind/elf/files.h"

/* Fill f->debug with .debug_frame of the file itself or of its debug file, once. */
void debug_file_cfi(struct code_file *f);

/*
 * The separate debug file, looked for once: below /usr/lib/debug by build id or by .gnu_debuglink,
 * or from a debuginfod server when DEBUGINFOD_URLS is set. NULL when there is none. Borrowed from
 * the file.
 */
struct elf_file *debug_file_separate(struct code_file *f);

/* The file packed into .gnu_debugdata, unpacked. NULL when there is none. Yours. */
struct elf_file *debug_file_mini(const struct code_file *f);
