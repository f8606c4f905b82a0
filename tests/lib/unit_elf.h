/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_elf.h - ELF files made by code: segments, sections, symbols and unwind information that a
 * test says byte by byte.
 *
 *	struct unit_elf e = UNIT_ELF_INIT;
 *	unit_elf_section(&e, ".eh_frame", SHT_PROGBITS, bytes, len);
 *	unit_elf_finish(&e);
 *	f = elf_file_new(unit_elf_bytes(&e));
 */
#pragma once

#include "base/strbuf.h"
#include "unwind/elf/bytes.h"

#include <elf.h>
#include <stdint.h>

enum {
	UNIT_ELF_MAX = 16,
	/* address = file offset + this: all of the file is one segment */
	UNIT_ELF_BASE = 0x400000,
};

struct unit_elf {
	struct strbuf file, names, strings, symbols;
	Elf64_Shdr sections[UNIT_ELF_MAX];
	uint32_t section_count;
	Elf64_Phdr segments[4];
	uint32_t segment_count;
};

#define UNIT_ELF_INIT                                                                              \
	{                                                                                          \
		.section_count = 0                                                                 \
	}

/* Append a section of `len` bytes; its address. 0 as name: bytes without a section header. */
uint64_t unit_elf_section(struct unit_elf *e, const char *name, uint32_t type, const void *bytes,
			  size_t len);

/* A symbol for .symtab. */
void unit_elf_symbol(struct unit_elf *e, const char *name, uint64_t addr, uint64_t size,
		     uint8_t info);

/* A program header of what lies at `addr`. */
void unit_elf_segment(struct unit_elf *e, uint32_t type, uint64_t addr, uint64_t size);

/* .eh_frame_hdr of `count` pairs (start, description), with its program header. */
void unit_elf_frame_hdr(struct unit_elf *e, uint64_t eh_frame, const uint64_t (*pairs)[2],
			uint32_t count);

/* Write the tables and the header; nothing may be added any more. */
void unit_elf_finish(struct unit_elf *e);

/* A copy of the file, for elf_file_new(). */
struct bytes *unit_elf_bytes(const struct unit_elf *e);

/* Free the memory. */
void unit_elf_release(struct unit_elf *e);
