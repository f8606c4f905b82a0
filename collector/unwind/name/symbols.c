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
	/*
	 * So many searches pass over all symbols before it pays to sort them: a stack or two of a
	 * large program needs a dozen names.
	 */
	SCANS = 64,
	MAX_BACK = 64, /* symbols before the nearest one that may still hold an address */
};

/* A symbol table in the file's bytes. */
struct table {
	const uint8_t *symbols;
	const char *strings;
	uint64_t count, strings_len; /* the strings end with a NUL */
	uint64_t bias;		     /* added to its addresses */
};

/* A function: where it is, and where its name is. */
struct entry {
	uint64_t start;
	uint32_t size, rank; /* of equal places, the lowest rank is shown */
	const char *raw;
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
	uint32_t table_count, scans;
	struct elf_file *mini;
	bool outside; /* separate debug files were asked for */
	bool sorted;
	VEC(struct entry) index; /* once sorted */
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
	vec_release(&s->index);
	map_release(&s->by_addr);
	elf_file_free(s->mini);
	free(s);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void add_table(struct symbols *s, struct table t)
{
	/* What is behind the last NUL is no string. */
	const char *last = t.strings_len ? memrchr(t.strings, 0, t.strings_len) : NULL;

	if (!last || s->table_count == MAX_TABLES)
		return;
	t.strings_len = (uint64_t)(last - t.strings) + 1;
	if (t.count > MAX_SYMBOLS)
		t.count = MAX_SYMBOLS;
	s->tables[s->table_count++] = t;
}

static bool add_section(struct symbols *s, struct elf_file *elf, uint32_t type, uint64_t bias)
{
	const struct elf_section *syms = elf_section(elf, NULL, type), *strings;
	struct table t = { .bias = bias };

	if (!syms || syms->entry_size != sizeof(Elf64_Sym) || syms->link >= elf->section_count)
		return false;
	strings = &elf->sections[syms->link];
	t.count = syms->size / sizeof(Elf64_Sym);
	t.strings_len = strings->size;
	t.symbols = bytes_at(elf->bytes, syms->offset, t.count * sizeof(Elf64_Sym));
	t.strings = (const char *)bytes_at(elf->bytes, strings->offset, strings->size);
	if (!t.symbols || !t.strings || !t.count)
		return false;
	add_table(s, t);
	return true;
}

/*
 * .dynsym of a file that is read from memory, where section headers are not: .dynamic knows where
 * it is, and the string table follows it in all that linkers write.
 */
static void add_dynamic(struct symbols *s, struct elf_file *elf)
{
	uint64_t at = 0, strings = 0, len = 0, got = 0, left;
	const uint8_t *dyn = bytes_upto(elf->bytes, elf->dynamic.offset,
					elf->dynamic.size < 4096 ? elf->dynamic.size : 4096, &got);
	struct table t = { .bias = 0 };

	for (uint64_t i = 0; dyn && i + sizeof(Elf64_Dyn) <= got; i += sizeof(Elf64_Dyn)) {
		Elf64_Dyn d;

		memcpy(&d, dyn + i, sizeof(d));
		if (d.d_tag == DT_SYMTAB)
			at = d.d_un.d_ptr;
		else if (d.d_tag == DT_STRTAB)
			strings = d.d_un.d_ptr;
		else if (d.d_tag == DT_STRSZ)
			len = d.d_un.d_val;
	}
	/* The dynamic linker has added where it loaded the file to these, glibc's in place. */
	if (elf->load_count && at >= strings + (1ull << 40))
		return;
	if (!at || strings <= at || !elf_addr_to_offset(elf, at, &got, &left))
		return;
	t.count = (strings - at) / sizeof(Elf64_Sym);
	t.symbols = elf_at(elf, at, t.count * sizeof(Elf64_Sym));
	t.strings = (const char *)elf_at(elf, strings, len);
	t.strings_len = len;
	if (t.symbols && t.strings)
		add_table(s, t);
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

/* The function that a symbol names, or false. */
static bool read_symbol(const struct table *t, uint64_t i, struct entry *e)
{
	Elf64_Sym sym;
	uint8_t type;

	memcpy(&sym, t->symbols + i * sizeof(sym), sizeof(sym));
	type = ELF64_ST_TYPE(sym.st_info);
	if ((type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE) ||
	    sym.st_shndx == SHN_UNDEF || sym.st_shndx == SHN_ABS || sym.st_name >= t->strings_len ||
	    !sym.st_value)
		return false;
	e->raw = t->strings + sym.st_name;
	if (!e->raw[0] || e->raw[0] == '$')
		return false;
	e->start = sym.st_value + t->bias;
	e->size = sym.st_size < UINT32_MAX ? (uint32_t)sym.st_size : UINT32_MAX;
	e->rank = rank_of(&sym, e->raw);
	return true;
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

static void scan(const struct symbols *s, uint64_t addr, uint64_t fde_start, struct entry *best)
{
	struct entry e;

	for (uint32_t t = 0; t < s->table_count; t++)
		for (uint64_t i = 0; i < s->tables[t].count; i++) {
			Elf64_Sym sym;

			/* Most are somewhere else: so much is seen without the rest. */
			memcpy(&sym, s->tables[t].symbols + i * sizeof(sym), sizeof(sym));
			if (addr - s->tables[t].bias - sym.st_value >= sym.st_size && sym.st_size)
				continue;
			if (read_symbol(&s->tables[t], i, &e) && holds(&e, addr, fde_start))
				consider(best, &e);
		}
}

static int by_place(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return (x->rank < y->rank) - (x->rank > y->rank);
}

static void sort(struct symbols *s)
{
	struct entry e;

	s->sorted = true;
	for (uint32_t t = 0; t < s->table_count; t++)
		for (uint64_t i = 0; i < s->tables[t].count; i++)
			if (read_symbol(&s->tables[t], i, &e))
				*vec_push(&s->index) = e;
	if (s->index.count)
		qsort(s->index.at, s->index.count, sizeof(*s->index.at), by_place);
}

static void search(const struct symbols *s, uint64_t addr, uint64_t fde_start, struct entry *best)
{
	uint32_t low = 0, high = s->index.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->index.at[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint32_t i = low; i-- > 0 && low - i <= MAX_BACK;)
		if (holds(&s->index.at[i], addr, fde_start))
			consider(best, &s->index.at[i]);
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
	if (!s->sorted && s->scans++ >= SCANS)
		sort(s);
	if (s->sorted)
		search(s, addr, start, &best);
	else
		scan(s, addr, start, &best);
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
