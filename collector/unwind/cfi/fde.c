/* SPDX-License-Identifier: BSD-2-Clause */
/* cfi.h, first half: to find and read a frame description. */
#include "unwind/cfi/cfi.h"

#include "base/vec.h"
#include "unwind/cfi/cursor.h"

#include <dwarf.h>
#include <errno.h>

enum {
	MAX_INDEX = 4 << 20, /* chrome has 600,000 */
	MAX_ENTRY = 1 << 20, /* bytes of one description; the longest seen are some 4 KiB */
	HDR_TABLE = 12,	     /* where the table begins, with the usual encodings */
	HDR_SDATA4_DATAREL = DW_EH_PE_datarel | DW_EH_PE_sdata4,
};

struct cfi_entry {
	uint64_t start, offset; /* first address; where the description is, in the section */
};

/* One entry of a section, its header read. */
struct entry {
	uint64_t offset, end; /* in the section */
	uint64_t id;	      /* CIE: 0 (.eh_frame) or all ones; FDE: a way to its CIE */
	uint64_t id_offset;   /* where that stands */
	bool wide;	      /* 64-bit DWARF */
	struct cursor body;   /* behind it */
};

void cfi_section_init(struct cfi_section *s, struct elf_file *file)
{
	*s = (struct cfi_section){ .file = file, .bytes = file->bytes, .range = file->frame };
}

void cfi_section_init_debug(struct cfi_section *s, struct elf_file *file, struct bytes *bytes,
			    struct elf_range range)
{
	*s = (struct cfi_section){
		.file = file, .bytes = bytes, .range = range, .debug_frame = true
	};
}

void cfi_section_release(struct cfi_section *s)
{
	free(s->index);
	s->index = NULL;
	s->count = 0;
}

/* 1, 0 at the end of the section, -EBADMSG. */
static int read_entry(struct cfi_section *s, uint64_t offset, struct entry *e)
{
	uint64_t left, head, len;
	const uint8_t *at;
	struct cursor c;

	if (offset >= s->range.size || s->range.size - offset < 4)
		return 0;
	left = s->range.size - offset;
	at = bytes_upto(s->bytes, s->range.offset + offset, left < 20 ? left : 20, &head);
	if (!at)
		return -EBADMSG;
	c = cursor_of(at, head);
	len = cursor_number(&c, 4);
	if (!len)
		return 0;
	e->wide = len == UINT32_MAX;
	if (e->wide)
		len = cursor_number(&c, 8);
	e->id_offset = offset + (e->wide ? 12 : 4);
	/* .eh_frame has ids of four bytes even in the wide form. */
	e->id = cursor_number(&c, e->wide && s->debug_frame ? 8 : 4);
	head = (uint64_t)(c.p - at);
	if (c.bad || len > MAX_ENTRY || len > left - (e->id_offset - offset) ||
	    offset + head > e->id_offset + len)
		return -EBADMSG;
	e->offset = offset;
	e->end = e->id_offset + len;
	at = bytes_at(s->bytes, s->range.offset + offset, e->end - offset);
	if (!at)
		return -EBADMSG;
	e->body = cursor_of(at + head, e->end - offset - head);
	return 1;
}

static bool is_cie(const struct cfi_section *s, const struct entry *e)
{
	if (!s->debug_frame)
		return e->id == 0;
	return e->id == (e->wide ? UINT64_MAX : UINT32_MAX);
}

/* The number part of a pointer of that encoding. */
static uint64_t read_value(struct cursor *c, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return cursor_number(c, 8);
	case DW_EH_PE_uleb128:
		return cursor_uleb(c);
	case DW_EH_PE_udata2:
		return cursor_number(c, 2);
	case DW_EH_PE_udata4:
		return cursor_number(c, 4);
	case DW_EH_PE_sleb128:
		return (uint64_t)cursor_sleb(c);
	case DW_EH_PE_sdata2:
		return (uint64_t)cursor_signed(c, 2);
	case DW_EH_PE_sdata4:
		return (uint64_t)cursor_signed(c, 4);
	default:
		c->bad = true;
		return 0;
	}
}

/* A pointer that stands at address `here`. Only absolute and pc-relative ones are used. */
static uint64_t read_pointer(struct cursor *c, uint8_t encoding, uint64_t here)
{
	uint64_t value = read_value(c, encoding);

	if ((encoding & 0x70) == DW_EH_PE_pcrel)
		return value + here;
	if (encoding & 0xf0)
		c->bad = true; /* data- or text-relative, indirect: no linker for x86-64 does */
	return value;
}

/* The address of what the cursor stands at. */
static uint64_t here_of(const struct cfi_section *s, const struct entry *e, const struct cursor *c)
{
	return s->range.addr + e->end - cursor_left(c);
}

static void skip_personality(struct cursor *data)
{
	uint8_t encoding = cursor_u8(data);

	if (encoding != DW_EH_PE_omit)
		read_value(data, encoding & 0x0f);
}

static void read_augmentation(struct cursor *c, const char *letters, struct cfi_fde *fde)
{
	uint64_t len = cursor_uleb(c);
	const uint8_t *at = cursor_take(c, len);
	struct cursor data = cursor_of(at ? at : c->p, at ? len : 0);

	for (letters++; *letters; letters++) {
		if (*letters == 'R')
			fde->encoding = cursor_u8(&data);
		else if (*letters == 'S')
			fde->signal = true;
		else if (*letters == 'P')
			skip_personality(&data);
		else if (*letters == 'L')
			cursor_u8(&data);
		else
			break; /* what follows is for others: its length is known */
	}
	c->bad |= data.bad;
}

/* The common part into *fde. */
static int read_cie(struct cfi_section *s, uint64_t offset, struct cfi_fde *fde, bool *sized)
{
	const char *letters;
	struct entry e;
	struct cursor *c = &e.body;
	uint8_t version;

	if (read_entry(s, offset, &e) != 1 || !is_cie(s, &e))
		return -EBADMSG;
	version = cursor_u8(c);
	letters = cursor_string(c);
	if (!letters || version < 1 || version > 4 || version == 2)
		return -EBADMSG;
	if (version == 4 && (cursor_u8(c) != 8 || cursor_u8(c) != 0))
		return -EBADMSG; /* size of an address, of a segment */
	fde->code_align = cursor_uleb(c);
	fde->data_align = cursor_sleb(c);
	fde->ra_reg = version == 1 ? cursor_u8(c) : cursor_uleb(c);
	fde->encoding = DW_EH_PE_absptr;
	fde->signal = false;
	*sized = letters[0] == 'z';
	if (*sized)
		read_augmentation(c, letters, fde);
	else if (letters[0])
		return -EBADMSG;
	fde->initial = c->p;
	fde->initial_len = cursor_left(c);
	return c->bad || fde->ra_reg != STACK_PC ? -EBADMSG : 0;
}

/* The description at `offset` of the section. -ENOENT: a common part, or the end. */
static int read_fde(struct cfi_section *s, uint64_t offset, struct cfi_fde *fde, uint64_t *next)
{
	struct entry e;
	struct cursor *c = &e.body;
	uint64_t cie;
	bool sized;
	int rc = read_entry(s, offset, &e);

	*next = rc == 1 ? e.end : 0;
	if (rc <= 0 || is_cie(s, &e))
		return rc < 0 ? rc : -ENOENT;
	cie = s->debug_frame ? e.id : e.id_offset - e.id;
	if (cie >= s->range.size)
		return -EBADMSG;
	rc = read_cie(s, cie, fde, &sized);
	if (rc < 0)
		return rc;
	fde->start = read_pointer(c, fde->encoding, here_of(s, &e, c));
	fde->end = fde->start + read_value(c, fde->encoding & 0x0f);
	if (sized)
		cursor_take(c, cursor_uleb(c));
	fde->program = c->p;
	fde->program_len = cursor_left(c);
	fde->program_addr = here_of(s, &e, c);
	return c->bad || fde->end < fde->start ? -EBADMSG : 0;
}

static int by_start(const void *a, const void *b)
{
	const struct cfi_entry *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* All descriptions, in order: for files without a table, or with one that is of no use. */
static void build_index(struct cfi_section *s)
{
	VEC(struct cfi_entry) v = VEC_INIT;
	uint64_t offset = 0, next;
	struct cfi_fde fde;

	while (v.count < MAX_INDEX) {
		int rc = read_fde(s, offset, &fde, &next);

		if (rc == 0 && fde.end > fde.start && fde.start)
			*vec_push(&v) = (struct cfi_entry){ fde.start, offset };
		if (next <= offset)
			break;
		offset = next;
	}
	if (v.count)
		qsort(v.at, v.count, sizeof(*v.at), by_start);
	s->index = v.at;
	s->count = v.count;
}

/* The file's own table: pairs of start and description, both relative to the table. */
static const uint8_t *file_table(struct cfi_section *s, uint64_t *count)
{
	const struct elf_range *hdr = &s->file->frame_hdr;
	uint8_t want[4] = { 1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4,
			    HDR_SDATA4_DATAREL };
	const uint8_t *at;
	uint32_t n;

	if (s->debug_frame || hdr->size < HDR_TABLE + 8)
		return NULL;
	at = bytes_at(s->bytes, hdr->offset, HDR_TABLE);
	if (!at || memcmp(at, want, sizeof(want)) != 0)
		return NULL;
	memcpy(&n, at + 8, sizeof(n));
	if (!n || n > (hdr->size - HDR_TABLE) / 8)
		return NULL;
	*count = n;
	return at + HDR_TABLE;
}

/*
 * The last entry of the file's table that does not start behind `addr`; only the pages that the
 * search meets are read. 1 and *offset, 0: none, -ENOTSUP: there is no table.
 */
static int search_table(struct cfi_section *s, uint64_t addr, uint64_t *offset)
{
	const struct elf_range *hdr = &s->file->frame_hdr;
	uint64_t low = 0, high, found;
	int32_t pair[2] = { 0, 0 };

	if (!file_table(s, &high))
		return -ENOTSUP;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		const uint8_t *at =
			bytes_at(s->bytes, hdr->offset + HDR_TABLE + middle * 8, sizeof(pair));

		if (!at)
			return -ENOTSUP;
		memcpy(pair, at, sizeof(pair[0]));
		if (hdr->addr + (uint64_t)(int64_t)pair[0] <= addr) {
			memcpy(&pair[1], at + 4, sizeof(pair[1]));
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (!low)
		return 0;
	found = hdr->addr + (uint64_t)(int64_t)pair[1];
	if (found < s->range.addr || found - s->range.addr >= s->range.size)
		return -ENOTSUP;
	*offset = found - s->range.addr;
	return 1;
}

/* As search_table(), in the index that is ours. */
static int search_index(const struct cfi_section *s, uint64_t addr, uint64_t *offset)
{
	uint32_t low = 0, high = s->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (s->index[middle].start <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return 0;
	*offset = s->index[low - 1].offset;
	return 1;
}

int cfi_find(struct cfi_section *s, uint64_t addr, struct cfi_fde *fde)
{
	uint64_t offset = 0, next;
	int rc = -ENOTSUP;

	if (!s->range.size)
		return -ENOENT;
	if (!s->indexed)
		rc = search_table(s, addr, &offset);
	if (rc == -ENOTSUP) {
		if (!s->indexed)
			build_index(s);
		s->indexed = true;
		rc = search_index(s, addr, &offset);
	}
	if (rc <= 0)
		return -ENOENT;
	rc = read_fde(s, offset, fde, &next);
	if (rc < 0)
		return -EBADMSG;
	return addr >= fde->start && addr < fde->end ? 0 : -ENOENT;
}
