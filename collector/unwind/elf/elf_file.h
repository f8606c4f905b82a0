/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * elf_file.h - what unwinding wants from an ELF file: where it is loaded, its unwind sections, its
 * build id, its runtime descriptor. 64-bit little-endian x86-64 only. Everything in the file is
 * hostile.
 *
 * Addresses are the file's own (p_vaddr): what a prelinked, static or position independent program
 * is loaded at is the caller's business, who knows the file offset of an address from its maps.
 */
#pragma once

#include "base/cleanup.h"
#include "unwind/elf/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum { ELF_MAX_LOADS = 64, ELF_MAX_BUILD_ID = 64 };

struct elf_load {
	uint64_t offset, addr, file_size, mem_size;
	bool exec;
};

/* A piece of the file that is loaded, or a section that is not (then addr is 0). */
struct elf_range {
	uint64_t offset, addr, size; /* size 0: not there */
};

struct elf_section {
	uint64_t offset, size, addr, entry_size;
	uint32_t type, link, flags;
	const char *name; /* in the file's bytes; "" when it has none */
};

struct elf_file {
	struct bytes *bytes;
	const char *missing; /* why it is of no use, or NULL */
	struct elf_load loads[ELF_MAX_LOADS];
	uint32_t load_count;
	struct elf_range frame_hdr, frame; /* .eh_frame_hdr, .eh_frame */
	struct elf_range dynamic;
	uint8_t build_id[ELF_MAX_BUILD_ID];
	uint32_t build_id_len;
	uint64_t runtime_table; /* address of the table of docs/RUNTIME_ABI.md, 0 none */
	struct elf_section *sections;
	uint32_t section_count;
	bool exec; /* ET_EXEC: not position independent */
};

/* Read its headers; the bytes are theirs now. Never NULL: `missing` says when it is no good. */
struct elf_file *elf_file_new(struct bytes *bytes);

/* Free it and its bytes. NULL is fine. */
void elf_file_free(struct elf_file *f);
DEFINE_GUARD(elf_file)
#define _cleanup_elf_file_ _cleanup_(elf_file_free_guard)

/*
 * The address of what is mapped from a file offset. Segments are mapped in whole pages, so a
 * mapping may begin before its segment does (lld packs them so), in the bytes of another one: the
 * executable segment is who is meant. False: no segment is there.
 */
bool elf_mapped_at(const struct elf_file *f, uint64_t offset, uint64_t *addr);

/* The file offset of an address and how many bytes of that segment follow; false: in no file. */
bool elf_addr_to_offset(const struct elf_file *f, uint64_t addr, uint64_t *offset, uint64_t *left);

/* `len` bytes at an address, or NULL. Borrowed until elf_file_free(). */
const uint8_t *elf_at(struct elf_file *f, uint64_t addr, uint64_t len);

/* The section of that name or, with NULL, the first one of that type. NULL when there is none. */
const struct elf_section *elf_section(const struct elf_file *f, const char *name, uint32_t type);
