/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/elf/elf_file.h"

#include "base/alloc.h"

#include <elf.h>
#include <string.h>

enum { MAX_SECTIONS = 4096, MAX_HEADERS = 512, MAX_NOTES = 64, PAGE_SIZE = 4096 };

/* SNAG_RT_NOTE_TYPE of docs/RUNTIME_ABI.md, and its name with the 0 behind it. */
enum { RUNTIME_NOTE = 0x5254, RUNTIME_NAME_BYTES = 5 };

/* DW_EH_PE_pcrel | DW_EH_PE_sdata4, which all linkers write. */
enum { PE_PCREL_SDATA4 = 0x1b };

bool elf_mapped_at(const struct elf_file *f, uint64_t offset, uint64_t *addr)
{
	for (int exec = 1; exec >= 0; exec--)
		for (uint32_t i = 0; i < f->load_count; i++) {
			const struct elf_load *l = &f->loads[i];

			if (l->exec != exec || offset < l->offset / PAGE_SIZE * PAGE_SIZE ||
			    offset >= l->offset + l->file_size)
				continue;
			*addr = offset - l->offset + l->addr;
			return true;
		}
	return false;
}

bool elf_addr_to_offset(const struct elf_file *f, uint64_t addr, uint64_t *offset, uint64_t *left)
{
	for (uint32_t i = 0; i < f->load_count; i++) {
		const struct elf_load *l = &f->loads[i];

		if (addr < l->addr || addr - l->addr >= l->file_size)
			continue;
		*offset = addr - l->addr + l->offset;
		*left = l->file_size - (addr - l->addr);
		return true;
	}
	return false;
}

const uint8_t *elf_at(struct elf_file *f, uint64_t addr, uint64_t len)
{
	uint64_t offset, left;

	if (!elf_addr_to_offset(f, addr, &offset, &left) || len > left)
		return NULL;
	return bytes_at(f->bytes, offset, len);
}

const struct elf_section *elf_section(const struct elf_file *f, const char *name, uint32_t type)
{
	for (uint32_t i = 0; i < f->section_count; i++)
		if (name ? strcmp(f->sections[i].name, name) == 0 : f->sections[i].type == type)
			return &f->sections[i];
	return NULL;
}

static const char *read_header(struct elf_file *f, Elf64_Ehdr *eh)
{
	const uint8_t *at = bytes_at(f->bytes, 0, sizeof(*eh));

	if (!at) {
		const char *why = bytes_why(f->bytes);

		return why ? why : "not an ELF file";
	}
	memcpy(eh, at, sizeof(*eh));
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return "not an ELF file";
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != EM_X86_64)
		return "not for x86-64";
	f->exec = eh->e_type == ET_EXEC;
	return NULL;
}

static void add_load(struct elf_file *f, const Elf64_Phdr *ph)
{
	struct elf_load *l;

	if (f->load_count == ELF_MAX_LOADS || ph->p_vaddr + ph->p_memsz < ph->p_vaddr ||
	    ph->p_offset + ph->p_filesz < ph->p_offset)
		return;
	l = &f->loads[f->load_count++];
	l->offset = ph->p_offset;
	l->addr = ph->p_vaddr;
	l->file_size = ph->p_filesz < ph->p_memsz ? ph->p_filesz : ph->p_memsz;
	l->mem_size = ph->p_memsz;
	l->exec = ph->p_flags & PF_X;
}

/* Notes are padded to four bytes, those of a segment with another alignment to eight. */
static uint64_t padded(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

/* A note, and where its parts lie in the file. */
struct elf_note {
	Elf64_Nhdr head;
	uint64_t name, desc; /* offsets */
	uint64_t desc_addr;  /* where the file is loaded */
};

static void take_build_id(struct elf_file *f, const struct elf_note *n)
{
	const uint8_t *name = bytes_at(f->bytes, n->name, 4), *id;

	if (f->build_id_len || n->head.n_namesz != 4 || !name || memcmp(name, "GNU", 4) != 0 ||
	    !n->head.n_descsz || n->head.n_descsz > ELF_MAX_BUILD_ID)
		return;
	id = bytes_at(f->bytes, n->desc, n->head.n_descsz);
	if (!id)
		return;
	memcpy(f->build_id, id, n->head.n_descsz);
	f->build_id_len = n->head.n_descsz;
}

/* The descriptor is the distance from itself to the table: docs/RUNTIME_ABI.md. */
static void take_runtime(struct elf_file *f, const struct elf_note *n)
{
	const uint8_t *name = bytes_at(f->bytes, n->name, RUNTIME_NAME_BYTES);
	const uint8_t *desc = bytes_at(f->bytes, n->desc, sizeof(uint64_t));
	uint64_t distance;

	if (n->head.n_namesz != RUNTIME_NAME_BYTES || n->head.n_descsz != sizeof(distance) ||
	    !name || !desc || memcmp(name, "snag", RUNTIME_NAME_BYTES) != 0)
		return;
	memcpy(&distance, desc, sizeof(distance));
	f->runtime_table = n->desc_addr + distance;
}

static void read_notes(struct elf_file *f, const struct elf_range *notes, uint64_t align)
{
	uint64_t at = 0, size = notes->size;

	align = align == 8 ? 8 : 4;
	if (size > 1 << 20)
		return;
	for (int i = 0; i < MAX_NOTES && at < size && size - at > sizeof(Elf64_Nhdr); i++) {
		const uint8_t *p = bytes_at(f->bytes, notes->offset + at, sizeof(Elf64_Nhdr));
		uint64_t name = at + sizeof(Elf64_Nhdr), desc;
		struct elf_note note;

		if (!p)
			return;
		memcpy(&note.head, p, sizeof(note.head));
		desc = name + padded(note.head.n_namesz, align);
		at = desc + padded(note.head.n_descsz, align);
		if (at > size + align)
			continue;
		note.name = notes->offset + name;
		note.desc = notes->offset + desc;
		note.desc_addr = notes->addr + desc;
		if (note.head.n_type == NT_GNU_BUILD_ID)
			take_build_id(f, &note);
		else if (note.head.n_type == RUNTIME_NOTE)
			take_runtime(f, &note);
	}
}

static struct elf_range range_of(const Elf64_Phdr *ph)
{
	return (struct elf_range){ .offset = ph->p_offset,
				   .addr = ph->p_vaddr,
				   .size = ph->p_filesz };
}

static const char *read_segments(struct elf_file *f, const Elf64_Ehdr *eh)
{
	uint32_t count = eh->e_phnum < MAX_HEADERS ? eh->e_phnum : MAX_HEADERS;
	const uint8_t *at;

	/* A separate debug file, or the one from .gnu_debugdata, needs none. */
	if (!count)
		return NULL;
	at = bytes_at(f->bytes, eh->e_phoff, count * sizeof(Elf64_Phdr));
	if (!at || eh->e_phentsize != sizeof(Elf64_Phdr))
		return "its program headers cannot be read";
	for (uint32_t i = 0; i < count; i++) {
		Elf64_Phdr ph;

		memcpy(&ph, at + i * sizeof(ph), sizeof(ph));
		if (ph.p_type == PT_LOAD)
			add_load(f, &ph);
		else if (ph.p_type == PT_GNU_EH_FRAME)
			f->frame_hdr = range_of(&ph);
		else if (ph.p_type == PT_DYNAMIC)
			f->dynamic = range_of(&ph);
		else if (ph.p_type == PT_NOTE)
			read_notes(f, &(struct elf_range){ ph.p_offset, ph.p_vaddr, ph.p_filesz },
				   ph.p_align);
	}
	return NULL;
}

static void add_section(struct elf_file *f, const Elf64_Shdr *sh, const char *names, uint64_t len)
{
	struct elf_section *s = &f->sections[f->section_count++];

	s->name = sh->sh_name < len && memchr(names + sh->sh_name, 0, len - sh->sh_name) ?
			  names + sh->sh_name :
			  "";
	s->type = sh->sh_type;
	s->flags = (uint32_t)sh->sh_flags;
	s->link = sh->sh_link;
	s->offset = sh->sh_offset;
	s->size = sh->sh_type == SHT_NOBITS ? 0 : sh->sh_size;
	s->addr = sh->sh_addr;
	s->entry_size = sh->sh_entsize;
}

static void read_sections(struct elf_file *f, const Elf64_Ehdr *eh)
{
	uint64_t count = eh->e_shnum, names_index = eh->e_shstrndx;
	const uint8_t *at = bytes_at(f->bytes, eh->e_shoff, sizeof(Elf64_Shdr)), *names = NULL;
	Elf64_Shdr sh;

	if (!eh->e_shoff || !at || eh->e_shentsize != sizeof(sh))
		return;
	memcpy(&sh, at, sizeof(sh));
	count = count ? count : sh.sh_size; /* more than 65279 of them */
	names_index = names_index == SHN_XINDEX ? sh.sh_link : names_index;
	count = count < MAX_SECTIONS ? count : MAX_SECTIONS;
	at = bytes_at(f->bytes, eh->e_shoff, count * sizeof(sh));
	if (!at)
		return;
	memset(&sh, 0, sizeof(sh));
	if (names_index < count)
		memcpy(&sh, at + names_index * sizeof(sh), sizeof(sh));
	if (sh.sh_type == SHT_STRTAB)
		names = bytes_at(f->bytes, sh.sh_offset, sh.sh_size);
	f->sections = xcalloc(count ? count : 1, sizeof(*f->sections));
	for (uint64_t i = 0; i < count; i++) {
		Elf64_Shdr one;

		memcpy(&one, at + i * sizeof(one), sizeof(one));
		add_section(f, &one, (const char *)names, names ? sh.sh_size : 0);
	}
}

/*
 * .eh_frame_hdr begins with: version, three encodings, pointer to .eh_frame (Linux Standard Base
 * 5.0, Core, 10.6.2). Without section headers it is the only one who knows where .eh_frame is; the
 * terminator or the segment tells where that ends.
 */
static void find_frame(struct elf_file *f)
{
	const struct elf_section *s = elf_section(f, ".eh_frame", 0);
	const uint8_t *hdr;
	int32_t relative;
	uint64_t left;

	if (s && s->size) {
		f->frame = (struct elf_range){ s->offset, s->addr, s->size };
		return;
	}
	hdr = f->frame_hdr.size >= 8 ? bytes_at(f->bytes, f->frame_hdr.offset, 8) : NULL;
	if (!hdr || hdr[0] != 1 || hdr[1] != PE_PCREL_SDATA4)
		return;
	memcpy(&relative, hdr + 4, sizeof(relative));
	f->frame.addr = f->frame_hdr.addr + 4 + (uint64_t)(int64_t)relative;
	if (elf_addr_to_offset(f, f->frame.addr, &f->frame.offset, &left))
		f->frame.size = left;
}

struct elf_file *elf_file_new(struct bytes *bytes)
{
	struct elf_file *f = xcalloc(1, sizeof(*f));
	Elf64_Ehdr eh;

	f->bytes = bytes;
	f->missing = read_header(f, &eh);
	if (!f->missing)
		f->missing = read_segments(f, &eh);
	if (f->missing)
		return f;
	read_sections(f, &eh);
	for (uint32_t i = 0; i < f->section_count; i++) {
		const struct elf_section *s = &f->sections[i];

		/* segments are read already, but for those of a separate debug file */
		if (s->type == SHT_NOTE && !f->build_id_len)
			read_notes(f, &(struct elf_range){ s->offset, s->addr, s->size }, 4);
	}
	find_frame(f);
	return f;
}

void elf_file_free(struct elf_file *f)
{
	if (!f)
		return;
	bytes_free(f->bytes);
	free(f->sections);
	free(f);
}
