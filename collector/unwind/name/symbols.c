/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/name/symbols.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"
#include "unwind/elf/debug_file.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum {
	MAX_TABLES = 8,
	MAX_SYMBOLS = 8 << 20,
	NAME_BYTES = 256,  /* of a name are looked at first, nearly all are shorter */
	PLACE_SHIFT = 10,  /* symbols are found by the KiB that they lie in */
	MAX_PLACES = 16,   /* those that lie in more of them are asked always */
	PLACE_SYMBOLS = 4, /* on average of one file */
};

/* A symbol table in the file's bytes. */
struct table {
	struct bytes *bytes;
	const uint8_t *symbols;
	uint64_t strings, strings_len; /* offset of the names; only those in use are read */
	uint64_t bias;		       /* added to its addresses */
	uint32_t count, first;	       /* its symbols are numbered from `first` on */
};

/* A function: where it is, and its name. */
struct entry {
	uint64_t start;
	uint32_t size, rank; /* of equal places, the lowest rank is shown */
	const char *raw;
};

/* A symbol that lies in a place. */
struct at_place {
	uint32_t symbol, next; /* next: 1 + index of one with the same hash, 0 none */
};

/* An answer that was given. */
struct answer {
	uint64_t start;
	const char *raw; /* NULL: none */
	char *pretty;	 /* NULL: as raw */
	bool from_fde;
};

struct symbols {
	struct table tables[MAX_TABLES];
	uint32_t table_count, symbol_count;
	struct elf_file *mini;
	bool outside;	  /* separate debug files were asked for */
	uint32_t *places; /* 1 + index into at_places, by hash of the place; NULL until needed */
	uint32_t place_mask;
	VEC(struct at_place) at_places;
	VEC(uint32_t) wide; /* symbols that lie in many places */
	VEC(struct answer) answers;
	struct map by_addr; /* to answer */
};

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->answers.count; i++)
		free(s->answers.at[i].pretty);
	vec_release(&s->answers);
	free(s->places);
	vec_release(&s->at_places);
	vec_release(&s->wide);
	map_release(&s->by_addr);
	elf_file_free(s->mini);
	free(s);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void add_table(struct symbols *s, struct table t, uint64_t count)
{
	if (s->table_count == MAX_TABLES)
		return;
	t.count = count < MAX_SYMBOLS ? (uint32_t)count : MAX_SYMBOLS;
	t.first = s->symbol_count;
	s->symbol_count += t.count;
	s->tables[s->table_count++] = t;
}

static bool add_section(struct symbols *s, struct elf_file *elf, uint32_t type, uint64_t bias)
{
	const struct elf_section *syms = elf_section(elf, NULL, type), *strings;
	struct table t = { .bytes = elf->bytes, .bias = bias };
	uint64_t count;

	if (!syms || syms->entry_size != sizeof(Elf64_Sym) || syms->link >= elf->section_count)
		return false;
	strings = &elf->sections[syms->link];
	count = syms->size / sizeof(Elf64_Sym);
	t.strings = strings->offset;
	t.strings_len = strings->size;
	t.symbols = bytes_at(elf->bytes, syms->offset, count * sizeof(Elf64_Sym));
	if (!t.symbols || !count || t.strings > bytes_size(elf->bytes))
		return false;
	add_table(s, t, count);
	return true;
}

/*
 * .dynsym of a file that is read from memory, where section headers are not: .dynamic knows where
 * it is, and the string table follows it in all that linkers write.
 */
static void add_dynamic(struct symbols *s, struct elf_file *elf)
{
	uint64_t at = 0, strings = 0, got = 0, left;
	const uint8_t *dyn = bytes_upto(elf->bytes, elf->dynamic.offset,
					elf->dynamic.size < 4096 ? elf->dynamic.size : 4096, &got);
	struct table t = { .bytes = elf->bytes };

	for (uint64_t i = 0; dyn && i + sizeof(Elf64_Dyn) <= got; i += sizeof(Elf64_Dyn)) {
		Elf64_Dyn d;

		memcpy(&d, dyn + i, sizeof(d));
		if (d.d_tag == DT_SYMTAB)
			at = d.d_un.d_ptr;
		else if (d.d_tag == DT_STRTAB)
			strings = d.d_un.d_ptr;
		else if (d.d_tag == DT_STRSZ)
			t.strings_len = d.d_un.d_val;
	}
	/* The dynamic linker has added where it loaded the file to these, glibc's in place. */
	if (elf->load_count && at >= strings + (1ull << 40))
		return;
	if (!at || strings <= at || !elf_addr_to_offset(elf, strings, &t.strings, &left))
		return;
	t.symbols = elf_at(elf, at, (strings - at) / sizeof(Elf64_Sym) * sizeof(Elf64_Sym));
	if (t.symbols)
		add_table(s, t, (strings - at) / sizeof(Elf64_Sym));
}

/* Files that belong together may be linked at different addresses: prelink(8) moves one of them. */
static uint64_t bias_of(const struct elf_file *to, const struct elf_file *from)
{
	return to->load_count && from->load_count ? to->loads[0].addr - from->loads[0].addr : 0;
}

static struct symbols *load(struct code_file *f, bool outside)
{
	struct symbols *s = xcalloc(1, sizeof(*s));
	struct elf_file *separate;
	bool full = add_section(s, f->elf, SHT_SYMTAB, 0);

	s->outside = outside;
	if (!add_section(s, f->elf, SHT_DYNSYM, 0))
		add_dynamic(s, f->elf);
	if (full)
		return s;
	s->mini = debug_file_mini(f);
	if (s->mini)
		add_section(s, s->mini, SHT_SYMTAB, bias_of(f->elf, s->mini));
	separate = outside ? debug_file_separate(f) : NULL;
	if (separate)
		add_section(s, separate, SHT_SYMTAB, bias_of(f->elf, separate));
	return s;
}

/* ---- search ---------------------------------------------------------------------------------- */

/*
 * One place may have many names: read, __read, __libc_read, __GI___libc_read. The plain one wins.
 */
static uint32_t rank_of(const Elf64_Sym *sym, const char *raw)
{
	uint32_t underscores = (uint32_t)strspn(raw, "_"), len = (uint32_t)strnlen(raw, 0xfff);
	uint32_t binding = ELF64_ST_BIND(sym->st_info);
	uint32_t class = binding == STB_GLOBAL ? 0 : binding == STB_WEAK ? 1 : 2;

	/* Mangled names begin with _Z and _R. */
	if (underscores == 1 && (raw[1] == 'Z' || raw[1] == 'R'))
		underscores = 0;
	underscores = underscores < 0xff ? underscores : 0xff;
	return underscores << 16 | class << 12 | len;
}

/* A name, or NULL: it does not end. */
static const char *name_at(const struct table *t, uint32_t name)
{
	uint64_t left = t->strings_len - name, got = 0;

	for (uint64_t len = NAME_BYTES;; len *= 2) {
		const uint8_t *at =
			bytes_upto(t->bytes, t->strings + name, len < left ? len : left, &got);

		if (at && memchr(at, 0, got))
			return (const char *)at;
		if (!at || got < len)
			return NULL;
	}
}

static Elf64_Sym symbol_at(const struct table *t, uint32_t i)
{
	Elf64_Sym sym;

	memcpy(&sym, t->symbols + (size_t)i * sizeof(sym), sizeof(sym));
	return sym;
}

static bool is_function(const struct table *t, const Elf64_Sym *sym)
{
	uint8_t type = ELF64_ST_TYPE(sym->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE) &&
	       sym->st_shndx != SHN_UNDEF && sym->st_shndx != SHN_ABS &&
	       sym->st_name < t->strings_len && sym->st_value;
}

static struct entry place_of(const struct table *t, const Elf64_Sym *sym)
{
	return (struct entry){
		.start = sym->st_value + t->bias,
		.size = sym->st_size < UINT32_MAX ? (uint32_t)sym->st_size : UINT32_MAX,
	};
}

/*
 * Does it hold the address? Assembler often forgets the size: then the frame description tells,
 * whose start may be one byte early (glibc's __restore_rt, so that pc - 1 is in it).
 */
static bool holds(const struct entry *e, uint64_t addr, uint64_t fde_start)
{
	if (addr < e->start)
		return false;
	if (e->size)
		return addr - e->start < e->size;
	return e->start == addr || (fde_start && e->start - fde_start <= 1);
}

/* Of two that hold an address, the one that begins later, then the plainer name. */
static void consider(struct entry *best, const struct entry *e)
{
	if (!best->raw || e->start > best->start ||
	    (e->start == best->start && e->rank < best->rank))
		*best = *e;
}

/* If that symbol holds the address, and better than what there is. */
static void try_symbol(const struct symbols *s, uint32_t number, uint64_t addr, uint64_t fde_start,
		       struct entry *best)
{
	const struct table *t = s->tables;
	struct entry e;
	Elf64_Sym sym;

	while (number - t->first >= t->count)
		t++;
	sym = symbol_at(t, number - t->first);
	e = place_of(t, &sym);
	if (!holds(&e, addr, fde_start))
		return;
	e.raw = name_at(t, sym.st_name);
	if (!e.raw || !e.raw[0] || e.raw[0] == '$')
		return;
	e.rank = rank_of(&sym, e.raw);
	consider(best, &e);
}

/* Places lie side by side: their low bits are all different. */
static uint32_t *head_of(const struct symbols *s, uint64_t place)
{
	return &s->places[(uint32_t)(place ^ place >> 32) & s->place_mask];
}

static void put_symbol(struct symbols *s, const struct entry *e, uint32_t number)
{
	uint64_t first = e->start >> PLACE_SHIFT;
	uint64_t more = ((e->start + e->size - !!e->size) >> PLACE_SHIFT) - first;

	if (more >= MAX_PLACES) {
		*vec_push(&s->wide) = number;
		return;
	}
	for (uint64_t place = first; place <= first + more; place++) {
		uint32_t *head = head_of(s, place);

		*vec_push(&s->at_places) = (struct at_place){ number, *head };
		*head = s->at_places.count;
	}
}

/* One pass over all symbols: what lies where. Of equal ones the first is to be met first. */
static void find_places(struct symbols *s)
{
	uint32_t count = 16;

	while (count < s->symbol_count / PLACE_SYMBOLS)
		count *= 2;
	s->place_mask = count - 1;
	s->places = xcalloc(count, sizeof(*s->places));
	for (uint32_t i = s->table_count; i-- > 0;) {
		const struct table *t = &s->tables[i];

		for (uint32_t k = t->count; k-- > 0;) {
			const Elf64_Sym sym = symbol_at(t, k);
			const struct entry e = place_of(t, &sym);

			if (is_function(t, &sym))
				put_symbol(s, &e, t->first + k);
		}
	}
}

static void search_place(const struct symbols *s, uint64_t place, uint64_t addr, uint64_t fde_start,
			 struct entry *best)
{
	for (uint32_t at = *head_of(s, place); at; at = s->at_places.at[at - 1].next)
		try_symbol(s, s->at_places.at[at - 1].symbol, addr, fde_start, best);
}

static void search(struct symbols *s, uint64_t addr, uint64_t fde_start, struct entry *best)
{
	uint64_t place = addr >> PLACE_SHIFT;

	if (!s->places)
		find_places(s);
	search_place(s, place, addr, fde_start, best);
	/* without a size it lies where it begins */
	if (fde_start && fde_start >> PLACE_SHIFT != place)
		search_place(s, fde_start >> PLACE_SHIFT, addr, fde_start, best);
	if (fde_start && (fde_start + 1) >> PLACE_SHIFT != fde_start >> PLACE_SHIFT)
		search_place(s, (fde_start + 1) >> PLACE_SHIFT, addr, fde_start, best);
	for (uint32_t i = 0; i < s->wide.count; i++)
		try_symbol(s, s->wide.at[i], addr, fde_start, best);
}

/* The start of the function by its frame description, or 0. */
static uint64_t fde_start(struct code_file *f, uint64_t addr)
{
	struct cfi_fde fde;

	if (cfi_find(&f->eh, addr, &fde) == 0)
		return fde.start;
	return f->debug.range.size && cfi_find(&f->debug, addr, &fde) == 0 ? fde.start : 0;
}

static const struct answer *answer(struct code_file *f, uint64_t addr)
{
	struct symbols *s = f->symbols;
	struct entry best = { .raw = NULL };
	uint64_t start;
	struct answer *a;
	uint32_t known;

	if (map_find(&s->by_addr, addr, &known))
		return &s->answers.at[known];
	start = fde_start(f, addr);
	search(s, addr, start, &best);
	map_put(&s->by_addr, addr, s->answers.count);
	a = vec_push(&s->answers);
	a->raw = best.raw;
	a->from_fde = !best.raw && start;
	a->start = best.raw ? best.start : start;
	if (best.raw)
		a->pretty = symbols_demangle(best.raw);
	return a;
}

void symbols_name(struct code_file *f, bool outside, uint64_t addr, bool exact,
		  struct unwind_name *name)
{
	const struct answer *a;

	if (!f->symbols)
		f->symbols = load(f, outside);
	a = answer(f, exact ? addr : addr - 1);
	name->raw = a->raw;
	name->function = a->pretty ? a->pretty : a->raw;
	name->start = a->start;
	name->from_fde = a->from_fde;
	if (a->raw || a->from_fde)
		name->offset = addr - a->start;
	if (!a->raw)
		name->missing = f->symbols->table_count ? "no symbol holds it" :
							  "the file has no symbols";
}
