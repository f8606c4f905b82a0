/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/cfi/rows.h"

#include "base/alloc.h"
#include "base/vec.h"
#include "unwind/elf/debug_file.h"
#include "unwind/frame.h"

#include <errno.h>
#include <string.h>

enum { MAX_ROWS = 1 << 16, FIRST_SLOTS = 1 << 10 };

struct slot {
	uint64_t addr;
	uint32_t file_exact; /* number of the file * 2 + exact; 0 free */
	uint32_t row;
};

struct rows {
	struct slot *slots;
	uint32_t slot_count; /* a power of two */
	VEC(struct row) at;
	VEC(struct cfi_rule) rules;
	uint64_t misses;
};

struct rows *rows_new(void)
{
	struct rows *r = xcalloc(1, sizeof(*r));

	r->slot_count = FIRST_SLOTS;
	r->slots = xcalloc(r->slot_count, sizeof(*r->slots));
	vec_push(&r->rules); /* so that there is an array to point into */
	return r;
}

void rows_free(struct rows *r)
{
	if (!r)
		return;
	free(r->slots);
	vec_release(&r->at);
	vec_release(&r->rules);
	free(r);
}

uint32_t rows_count(const struct rows *r, uint64_t *misses)
{
	*misses = r->misses;
	return r->at.count;
}

const struct cfi_rule *rows_rules(const struct rows *r, const struct row *row)
{
	return r->rules.at + row->first_rule;
}

/* Where an address is or would be put. */
static struct slot *find_slot(const struct rows *r, uint64_t addr, uint32_t file_exact)
{
	uint64_t hash = (addr ^ (uint64_t)file_exact << 40) * 0x9e3779b97f4a7c15;
	uint32_t at = (uint32_t)(hash >> 32) & (r->slot_count - 1);

	while (r->slots[at].file_exact &&
	       (r->slots[at].addr != addr || r->slots[at].file_exact != file_exact))
		at = (at + 1) & (r->slot_count - 1);
	return &r->slots[at];
}

/* Room for one more: grow, or begin anew when there are too many. */
static void make_room(struct rows *r)
{
	struct slot *old = r->slots;
	uint32_t old_count = r->slot_count;

	if (r->at.count >= MAX_ROWS) {
		memset(r->slots, 0, r->slot_count * sizeof(*r->slots));
		r->at.count = r->rules.count = 0;
	}
	if (r->at.count < r->slot_count / 2)
		return;
	r->slot_count *= 2;
	r->slots = xcalloc(r->slot_count, sizeof(*r->slots));
	for (uint32_t i = 0; i < old_count; i++)
		if (old[i].file_exact)
			*find_slot(r, old[i].addr, old[i].file_exact) = old[i];
	free(old);
}

/*
 * rt_sigreturn(2): mov $15, %eax or %rax; syscall. glibc's has CFI, musl's and those of other
 * libraries have none (arch/x86/kernel/signal_64.c lays out the frame; gdb knows them so too).
 */
static bool is_sigreturn(struct code_file *f, uint64_t addr)
{
	static const uint8_t rax[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };
	static const uint8_t eax[] = { 0xb8, 15, 0, 0, 0, 0x0f, 0x05 };
	const uint8_t *at = elf_at(f->elf, addr, sizeof(rax));

	if (at && memcmp(at, rax, sizeof(rax)) == 0)
		return true;
	at = elf_at(f->elf, addr, sizeof(eax));
	return at && memcmp(at, eax, sizeof(eax)) == 0;
}

static void take_rules(struct rows *r, struct row *row, const struct cfi_row *full)
{
	row->cfa = full->cfa;
	row->first_rule = r->rules.count;
	if (full->cfa.kind == CFI_VAL_EXPR)
		row->how = FRAME_EXPRESSION;
	for (uint32_t i = 0; i < STACK_REGS; i++) {
		const struct cfi_rule *rule = &full->regs[i];

		/* The stack pointer is the CFA unless it says otherwise. */
		if (rule->kind == CFI_SAME ||
		    (i == STACK_RSP && rule->kind == CFI_VAL_OFFSET && !rule->offset))
			continue;
		if (rule->kind == CFI_EXPR || rule->kind == CFI_VAL_EXPR)
			row->how = FRAME_EXPRESSION;
		*vec_push(&r->rules) = *rule;
		row->rule_count++;
	}
}

/* -ENOENT, -EBADMSG or the row and where its function ends. */
static int from_section(struct rows *r, struct cfi_section *s, uint64_t addr, struct row *row,
			uint64_t *end)
{
	struct cfi_fde fde;
	struct cfi_row full;
	int rc = cfi_find(s, addr, &fde);

	if (rc < 0)
		return rc;
	rc = cfi_run(&fde, addr, &full);
	if (rc < 0)
		return rc;
	*end = fde.end;
	row->start = fde.start;
	row->signal = fde.signal;
	row->kind = full.regs[STACK_PC].kind == CFI_UNDEFINED ? ROW_OUTERMOST : ROW_CFI;
	row->how = s->debug_frame ? FRAME_DEBUG_FRAME : FRAME_CFI;
	take_rules(r, row, &full);
	return 0;
}

static void compute(struct rows *r, struct code_file *f, uint64_t addr, bool exact, struct row *row)
{
	uint64_t end = 0, look = exact ? addr : addr - 1;
	int rc;

	if (!f->elf) {
		row->kind = ROW_NO_FILE;
		return;
	}
	rc = from_section(r, &f->eh, look, row, &end);
	if (rc == -ENOENT) {
		debug_file_cfi(f);
		if (f->debug.range.size)
			rc = from_section(r, &f->debug, look, row, &end);
	}
	/* A return address behind the end of a function: a call that never returns, or this. */
	if (!exact && (rc < 0 || end == addr) && is_sigreturn(f, addr)) {
		*row = (struct row){ .kind = ROW_SIGRETURN, .how = FRAME_SIGNAL, .signal = true };
		return;
	}
	if (rc < 0)
		*row = (struct row){ .kind = rc == -ENOENT ? ROW_NONE : ROW_BAD };
}

const struct row *rows_get(struct rows *r, struct code_file *f, uint64_t addr, bool exact)
{
	uint32_t file_exact = f->id * 2 + exact;
	struct slot *slot = find_slot(r, addr, file_exact);
	struct row row = { .kind = 0 };

	if (slot->file_exact)
		return &r->at.at[slot->row];
	r->misses++;
	make_room(r);
	compute(r, f, addr, exact, &row);
	*vec_push(&r->at) = row;
	slot = find_slot(r, addr, file_exact);
	*slot = (struct slot){ .addr = addr, .file_exact = file_exact, .row = r->at.count - 1 };
	return &r->at.at[r->at.count - 1];
}
