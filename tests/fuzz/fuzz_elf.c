/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_elf.c - any bytes as an ELF file: headers, unwind sections, symbols, what is packed inside.
 * What is found lies within the file.
 */
#include "unwind/elf/elf_file.h"

#include "base/alloc.h"
#include "unwind/cfi/rows.h"
#include "unwind/elf/debug_file.h"
#include "unwind/name/symbols.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_ranges(const struct elf_file *f)
{
	uint64_t offset, left, addr;

	for (uint32_t i = 0; i < f->load_count; i++) {
		const struct elf_load *l = &f->loads[i];

		if (!l->file_size)
			continue;
		if (!elf_addr_to_offset(f, l->addr, &offset, &left) || !left ||
		    !elf_mapped_at(f, l->offset, &addr))
			abort();
	}
	for (uint32_t i = 0; i < f->section_count; i++)
		if (strlen(f->sections[i].name) > bytes_size(f->bytes))
			abort();
}

/* Names and rows at places that the file itself suggests. */
static void look_around(struct code_file *f, uint64_t from)
{
	_cleanup_rows_ struct rows *rows = rows_new();

	for (uint64_t i = 0; i < 128; i++) {
		struct unwind_name name = { .offset = 0 };
		uint64_t addr = from + i * 7;
		const struct row *row = rows_get(rows, f, addr, i & 1);

		/*
		 * none is fine: "as it was" for all of them, the return address too, is well-formed
		 */
		if (row->rule_count > STACK_REGS)
			abort();
		symbols_name(f, false, addr, i & 1, &name);
		if (name.function && !name.raw)
			abort();
	}
}

/* A file with headers that are right, whose sections are made of the input. */
struct skeleton {
	Elf64_Ehdr head;
	Elf64_Phdr segments[4];
	Elf64_Shdr sections[8];
	char names[128];
	uint8_t data[];
};

static void fill_header(Elf64_Ehdr *head)
{
	*head = (Elf64_Ehdr){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			      .e_type = ET_DYN,
			      .e_machine = EM_X86_64,
			      .e_phoff = offsetof(struct skeleton, segments),
			      .e_phnum = 4,
			      .e_phentsize = sizeof(Elf64_Phdr),
			      .e_shoff = offsetof(struct skeleton, sections),
			      .e_shnum = 8,
			      .e_shentsize = sizeof(Elf64_Shdr),
			      .e_shstrndx = 1 };
}

/* The input is cut at places that it names itself. */
static uint8_t *with_headers(const uint8_t *data, size_t size, size_t *len)
{
	static const char names[] = "\0.eh_frame\0.gnu_debugdata\0.debug_frame\0.zdebug_frame";
	static const uint8_t name_at[8] = { 0, 0, 1, 11, 26, 39, 0, 0 };
	static const uint32_t types[8] = { SHT_NULL,	 SHT_STRTAB,   SHT_PROGBITS, SHT_PROGBITS,
					   SHT_PROGBITS, SHT_PROGBITS, SHT_SYMTAB,   SHT_STRTAB };
	static const uint32_t segments[4] = { PT_LOAD, PT_GNU_EH_FRAME, PT_DYNAMIC, PT_NOTE };
	uint64_t from = offsetof(struct skeleton, data);
	struct skeleton *s;

	*len = from + size;
	s = xcalloc(1, *len);
	fill_header(&s->head);
	memcpy(s->names, names, sizeof(names));
	memcpy(s->data, data, size);
	for (uint32_t i = 0; i < 8; i++)
		s->sections[i] = (Elf64_Shdr){ .sh_name = name_at[i],
					       .sh_type = types[i],
					       .sh_offset = from + data[i],
					       .sh_addr = from + data[i],
					       .sh_size = data[8 + i],
					       .sh_entsize = sizeof(Elf64_Sym),
					       .sh_flags = data[16] & 1 ? SHF_COMPRESSED : 0,
					       .sh_link = 7 };
	s->sections[1].sh_offset = offsetof(struct skeleton, names);
	s->sections[1].sh_size = sizeof(s->names);
	for (uint32_t i = 0; i < 4; i++)
		s->segments[i] = (Elf64_Phdr){ .p_type = segments[i],
					       .p_flags = PF_X,
					       .p_offset = i ? from + data[17 + i] : 0,
					       .p_vaddr = i ? from + data[17 + i] : 0,
					       .p_filesz = i ? data[21 + i] : *len,
					       .p_memsz = i ? data[21 + i] : *len };
	return (uint8_t *)s;
}

static uint8_t *as_it_is(const uint8_t *data, size_t size, size_t *len)
{
	uint8_t *copy = xmalloc(size);

	memcpy(copy, data, size);
	*len = size;
	return copy;
}

/* The first byte says whether the headers are made of the input too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct code_file f = { .id = 1, .path = (char *)"", .separate_tried = true };
	uint8_t *copy;

	if (size < 32)
		return 0;
	copy = (data[0] & 1 ? with_headers : as_it_is)(data + 1, size - 1, &size);
	f.elf = elf_file_new(bytes_of_memory(copy, size));
	if (!f.elf->missing) {
		check_ranges(f.elf);
		cfi_section_init(&f.eh, f.elf);
		look_around(&f, f.elf->load_count ? f.elf->loads[0].addr : 4096);
		look_around(&f, f.elf->frame.addr);
	}
	symbols_free(f.symbols);
	cfi_section_release(&f.eh);
	cfi_section_release(&f.debug);
	bytes_free(f.unpacked);
	elf_file_free(f.elf);
	return 0;
}
