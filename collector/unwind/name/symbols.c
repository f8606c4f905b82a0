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
	NAME_BYTES = 256,    /* of a name are looked at first, nearly all are shorter */
	PASSES = 4,	     /* over all symbols; who asks again is given an index */
	PASS_SYMBOLS = 1024, /* are copied at a time */
	STEPS = 512,	     /* that the addresses of a pass are told apart by */
	PLACE_SHIFT = 10,    /* an index finds symbols by the KiB that they lie in */
	MAX_PLACES = 16,     /* those that lie in more of them are asked always */
	PLACE_SYMBOLS = 4,   /* on average of one file */
	/* what holds more addresses, or lies in one place more often, is no honest program's */
	MAX_TRIES = 1 << 22,
	MAX_WIDE = 1 << 14,
};

/* A symbol table in the file's bytes. */
struct table {
	struct bytes *bytes;
	uint64_t offset;	       /* of the symbols */
	const uint8_t *symbols;	       /* with an index: all of them */
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

/* An answer that was given, or is sought. */
struct answer {
	uint64_t addr;
	uint64_t start;	 /* while it is sought, by the frame description */
	const char *raw; /* NULL: none */
	char *pretty;	 /* NULL: as raw */
	bool from_fde;
};

struct symbols {
	struct table tables[MAX_TABLES];
	uint32_t table_count, symbol_count;
	struct elf_file *mini;
	bool outside; /* separate debug files were asked for */
	/* 1 + index into at_places, by hash of the place; empty until needed */
	VEC(uint32_t) places;
	uint32_t place_mask;
	VEC(struct at_place) at_places;
	VEC(uint32_t) wide; /* symbols that lie in many places */
	VEC(struct answer) answers;
	uint32_t given; /* the answers behind that many are sought */
	uint32_t passes;
	struct map by_addr; /* to answer */
};

void symbols_free(struct symbols *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->answers.count; i++)
		free(s->answers.at[i].pretty);
	vec_release(&s->answers);
	vec_release(&s->places);
	vec_release(&s->at_places);
	vec_release(&s->wide);
	map_release(&s->by_addr);
	elf_file_free(s->mini);
	free(s);
}

/* ---- tables ---------------------------------------------------------------------------------- */

static void add_table(struct symbols *s, struct table t, uint64_t count)
{
	if (s->table_count == MAX_TABLES || !count)
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
	t.offset = syms->offset;
	if (!count || t.strings > bytes_size(elf->bytes) || t.offset > bytes_size(elf->bytes) ||
	    syms->size > bytes_size(elf->bytes) - t.offset)
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
	if (!at || strings <= at || !elf_addr_to_offset(elf, strings, &t.strings, &left) ||
	    !elf_addr_to_offset(elf, at, &t.offset, &left))
		return;
	left = left < strings - at ? left : strings - at;
	add_table(s, t, left / sizeof(Elf64_Sym));
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
static void try_symbol(const struct table *t, const Elf64_Sym *sym, const struct answer *a,
		       struct entry *best)
{
	struct entry e = place_of(t, sym);

	if (!holds(&e, a->addr, a->start))
		return;
	e.raw = name_at(t, sym->st_name);
	if (!e.raw || !e.raw[0] || e.raw[0] == '$')
		return;
	e.rank = rank_of(sym, e.raw);
	consider(best, &e);
}

/* ---- a pass ---------------------------------------------------------------------------------- */

/*
 * All that is sought, in one pass over all symbols. Nothing of these is kept: for a dozen names of
 * a large program it is most of the work to have room for its symbols.
 */
struct pass {
	const struct answer *sought;
	struct entry *best; /* of each */
	uint32_t count, point_count, tries;
	/*
	 * where a symbol must be to matter, sorted: the addresses, and where their functions begin
	 */
	uint64_t *points;
	uint64_t step;
	uint32_t first[STEPS + 1]; /* of the points from points[0] + n * step on */
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void find_points(struct pass *p)
{
	uint32_t n = 0, at = 0;

	p->points = xcalloc((size_t)p->count * 3, sizeof(*p->points));
	for (uint32_t i = 0; i < p->count; i++) {
		const struct answer *a = &p->sought[i];

		p->points[n++] = a->addr;
		if (a->start) {
			p->points[n++] = a->start;
			p->points[n++] = a->start + 1;
		}
	}
	qsort(p->points, n, sizeof(*p->points), by_value);
	p->point_count = n;
	p->step = (p->points[n - 1] - p->points[0]) / STEPS + 1;
	for (uint32_t i = 0; i <= STEPS; i++) {
		while (at < n && (p->points[at] - p->points[0]) / p->step < i)
			at++;
		p->first[i] = at;
	}
}

/* May it hold something that is sought? */
static bool matters(const struct pass *p, uint64_t start, uint64_t size)
{
	uint64_t from = start > p->points[0] ? (start - p->points[0]) / p->step : 0;
	uint32_t low, high;

	if (from >= STEPS)
		return false;
	low = p->first[from];
	high = p->first[from + 1];
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (p->points[middle] < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < p->point_count && p->points[low] - start < (size ? size : 1);
}

static void pass_over(struct pass *p, const struct table *t, const Elf64_Sym *syms, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!matters(p, syms[i].st_value + t->bias, syms[i].st_size) ||
		    !is_function(t, &syms[i]))
			continue;
		for (uint32_t k = 0; k < p->count && p->tries < MAX_TRIES; k++, p->tries++)
			try_symbol(t, &syms[i], &p->sought[k], &p->best[k]);
	}
}

static void pass(const struct symbols *s, struct entry *best)
{
	_cleanup_free_ Elf64_Sym *syms = xmalloc(PASS_SYMBOLS * sizeof(*syms));
	struct pass p = {
		.sought = s->answers.at + s->given,
		.best = best,
		.count = s->answers.count - s->given,
	};

	find_points(&p);
	for (uint32_t i = 0; i < s->table_count; i++) {
		const struct table *t = &s->tables[i];
		uint32_t n;

		for (uint32_t at = 0; at < t->count; at += n) {
			n = t->count - at < PASS_SYMBOLS ? t->count - at : PASS_SYMBOLS;
			if (bytes_copy(t->bytes, t->offset + (uint64_t)at * sizeof(*syms), syms,
				       n * sizeof(*syms)))
				pass_over(&p, t, syms, n);
		}
	}
	free(p.points);
}

/* ---- an index -------------------------------------------------------------------------------- */

/* Places lie side by side: their low bits are all different. */
static uint32_t *head_of(const struct symbols *s, uint64_t place)
{
	return &s->places.at[(uint32_t)(place ^ place >> 32) & s->place_mask];
}

static void put_symbol(struct symbols *s, const struct entry *e, uint32_t number)
{
	uint64_t first = e->start >> PLACE_SHIFT;
	uint64_t more = ((e->start + e->size - !!e->size) >> PLACE_SHIFT) - first;

	if (more >= MAX_PLACES) {
		if (s->wide.count < MAX_WIDE)
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
	for (uint32_t i = 0; i < count; i++)
		vec_push(&s->places);
	for (uint32_t i = s->table_count; i-- > 0;) {
		struct table *t = &s->tables[i];

		t->symbols = bytes_at(t->bytes, t->offset, t->count * sizeof(Elf64_Sym));
		for (uint32_t k = t->symbols ? t->count : 0; k-- > 0;) {
			const Elf64_Sym sym = symbol_at(t, k);
			const struct entry e = place_of(t, &sym);

			if (is_function(t, &sym))
				put_symbol(s, &e, t->first + k);
		}
	}
}

static void try_number(const struct symbols *s, uint32_t number, const struct answer *a,
		       struct entry *best)
{
	const struct table *t = s->tables;
	Elf64_Sym sym;

	while (number - t->first >= t->count)
		t++;
	sym = symbol_at(t, number - t->first);
	try_symbol(t, &sym, a, best);
}

static void search_place(const struct symbols *s, uint64_t place, const struct answer *a,
			 struct entry *best)
{
	uint32_t at = *head_of(s, place);

	for (uint32_t tries = 0; at && tries < MAX_WIDE; tries++) {
		try_number(s, s->at_places.at[at - 1].symbol, a, best);
		at = s->at_places.at[at - 1].next;
	}
}

static void search(struct symbols *s, const struct answer *a, struct entry *best)
{
	uint64_t place = a->addr >> PLACE_SHIFT, start = a->start >> PLACE_SHIFT;

	if (!s->places.count)
		find_places(s);
	search_place(s, place, a, best);
	/* without a size it lies where it begins */
	if (a->start && start != place)
		search_place(s, start, a, best);
	if (a->start && (a->start + 1) >> PLACE_SHIFT != start)
		search_place(s, start + 1, a, best);
	for (uint32_t i = 0; i < s->wide.count; i++)
		try_number(s, s->wide.at[i], a, best);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The start of the function by its frame description, or 0. */
static uint64_t fde_start(struct code_file *f, uint64_t addr)
{
	struct cfi_fde fde;

	if (cfi_find(&f->eh, addr, &fde) == 0)
		return fde.start;
	return f->debug.range.size && cfi_find(&f->debug, addr, &fde) == 0 ? fde.start : 0;
}

/* Find all that is sought. */
static void give(struct symbols *s)
{
	uint32_t count = s->answers.count - s->given;
	_cleanup_free_ struct entry *best = xcalloc(count, sizeof(*best));
	bool index = s->passes >= PASSES;

	s->passes++;
	if (!index)
		pass(s, best);
	for (uint32_t i = 0; i < count; i++) {
		struct answer *a = &s->answers.at[s->given + i];

		if (index)
			search(s, a, &best[i]);
		a->raw = best[i].raw;
		a->from_fde = !a->raw && a->start;
		if (!a->raw)
			continue;
		a->start = best[i].start;
		a->pretty = symbols_demangle(a->raw);
	}
	s->given = s->answers.count;
}

/* The answer for an address, or what becomes one. */
static uint32_t seek(struct code_file *f, bool outside, uint64_t addr)
{
	struct symbols *s = f->symbols ? f->symbols : load(f, outside);
	struct answer *a;
	uint32_t at;

	f->symbols = s;
	if (map_find(&s->by_addr, addr, &at))
		return at;
	map_put(&s->by_addr, addr, s->answers.count);
	a = vec_push(&s->answers);
	a->addr = addr;
	a->start = fde_start(f, addr);
	return s->answers.count - 1;
}

void symbols_expect(struct code_file *f, bool outside, uint64_t addr, bool exact)
{
	seek(f, outside, exact ? addr : addr - 1);
}

void symbols_name(struct code_file *f, bool outside, uint64_t addr, bool exact,
		  struct unwind_name *name)
{
	uint32_t at = seek(f, outside, exact ? addr : addr - 1);
	const struct answer *a = &f->symbols->answers.at[at];

	if (at >= f->symbols->given)
		give(f->symbols);
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
