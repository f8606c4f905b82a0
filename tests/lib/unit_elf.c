/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_elf.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <string.h>

enum { HEADERS = 4096 };

static void begin(struct unit_elf *e)
{
	static const char zero[HEADERS];

	if (!e->file.len)
		strbuf_addn(&e->file, zero, sizeof(zero));
	while (e->file.len % 16)
		strbuf_addc(&e->file, 0);
	if (!e->names.len)
		strbuf_addc(&e->names, 0);
	if (!e->section_count)
		e->section_count = 1;
}

uint64_t unit_elf_section(struct unit_elf *e, const char *name, uint32_t type, const void *bytes,
			  size_t len)
{
	uint64_t offset;
	Elf64_Shdr *s;

	begin(e);
	offset = e->file.len;
	strbuf_addn(&e->file, bytes, len);
	if (!name)
		return offset + UNIT_ELF_BASE;
	cr_assert_lt(e->section_count, (uint32_t)UNIT_ELF_MAX);
	s = &e->sections[e->section_count++];
	*s = (Elf64_Shdr){ .sh_name = (uint32_t)e->names.len,
			   .sh_type = type,
			   .sh_addr = offset + UNIT_ELF_BASE,
			   .sh_offset = offset,
			   .sh_size = len };
	strbuf_addn(&e->names, name, strlen(name) + 1);
	return offset + UNIT_ELF_BASE;
}

void unit_elf_symbol(struct unit_elf *e, const char *name, uint64_t addr, uint64_t size,
		     uint8_t info)
{
	Elf64_Sym none = { .st_name = 0 }, sym;

	if (!e->symbols.len) {
		strbuf_addn(&e->symbols, (char *)&none, sizeof(none));
		strbuf_addc(&e->strings, 0);
	}
	sym = (Elf64_Sym){ .st_name = (uint32_t)e->strings.len,
			   .st_info = info,
			   .st_shndx = 1,
			   .st_value = addr,
			   .st_size = size };
	strbuf_addn(&e->strings, name, strlen(name) + 1);
	strbuf_addn(&e->symbols, (char *)&sym, sizeof(sym));
}

void unit_elf_segment(struct unit_elf *e, uint32_t type, uint64_t addr, uint64_t size)
{
	cr_assert_lt(e->segment_count, 3u);
	e->segments[e->segment_count++] = (Elf64_Phdr){ .p_type = type,
							.p_flags = PF_R,
							.p_offset = addr - UNIT_ELF_BASE,
							.p_vaddr = addr,
							.p_filesz = size,
							.p_memsz = size,
							.p_align = 4 };
}

void unit_elf_frame_hdr(struct unit_elf *e, uint64_t eh_frame, const uint64_t (*pairs)[2],
			uint32_t count)
{
	struct strbuf b = STRBUF_INIT;
	uint64_t addr;
	int32_t v;

	begin(e);
	addr = e->file.len + UNIT_ELF_BASE;
	strbuf_addn(&b, "\x01\x1b\x03\x3b", 4);
	v = (int32_t)(eh_frame - (addr + 4));
	strbuf_addn(&b, (char *)&v, 4);
	strbuf_addn(&b, (char *)&count, 4);
	for (uint32_t i = 0; i < count * 2; i++) {
		v = (int32_t)(pairs[i / 2][i % 2] - addr);
		strbuf_addn(&b, (char *)&v, 4);
	}
	unit_elf_section(e, ".eh_frame_hdr", SHT_PROGBITS, b.s, b.len);
	unit_elf_segment(e, PT_GNU_EH_FRAME, addr, b.len);
	strbuf_release(&b);
}

static void finish_symbols(struct unit_elf *e)
{
	uint32_t symtab;

	if (!e->symbols.len)
		return;
	begin(e);
	symtab = e->section_count;
	unit_elf_section(e, ".symtab", SHT_SYMTAB, e->symbols.s, e->symbols.len);
	unit_elf_section(e, ".strtab", SHT_STRTAB, e->strings.s, e->strings.len);
	e->sections[symtab].sh_link = symtab + 1;
	e->sections[symtab].sh_entsize = sizeof(Elf64_Sym);
}

void unit_elf_finish(struct unit_elf *e)
{
	Elf64_Ehdr eh = { .e_type = ET_EXEC,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_phoff = sizeof(eh),
			  .e_ehsize = sizeof(eh),
			  .e_phentsize = sizeof(Elf64_Phdr),
			  .e_shentsize = sizeof(Elf64_Shdr) };
	uint32_t names;

	finish_symbols(e);
	begin(e);
	names = e->section_count;
	strbuf_addn(&e->names, ".shstrtab", 10);
	unit_elf_section(e, "", SHT_STRTAB, e->names.s, e->names.len);
	begin(e);
	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = ELFCLASS64;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	eh.e_shoff = e->file.len;
	eh.e_shnum = (uint16_t)e->section_count;
	eh.e_shstrndx = (uint16_t)names;
	strbuf_addn(&e->file, (char *)e->sections, e->section_count * sizeof(Elf64_Shdr));
	unit_elf_segment(e, PT_LOAD, UNIT_ELF_BASE, e->file.len);
	e->segments[e->segment_count - 1].p_flags = PF_R | PF_X;
	eh.e_phnum = (uint16_t)e->segment_count;
	memcpy(e->file.s, &eh, sizeof(eh));
	memcpy(e->file.s + sizeof(eh), e->segments, e->segment_count * sizeof(Elf64_Phdr));
}

struct bytes *unit_elf_bytes(const struct unit_elf *e)
{
	void *copy = xmalloc(e->file.len);

	memcpy(copy, e->file.s, e->file.len);
	return bytes_of_memory(copy, e->file.len);
}

void unit_elf_release(struct unit_elf *e)
{
	strbuf_release(&e->file);
	strbuf_release(&e->names);
	strbuf_release(&e->strings);
	strbuf_release(&e->symbols);
}
