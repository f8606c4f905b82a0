/* SPDX-License-Identifier: BSD-2-Clause */
/* cfi.h, second half: to run the program of a frame description up to an address. */
#include "unwind/cfi/cfi.h"

#include "unwind/cfi/cursor.h"

#include <dwarf.h>
#include <errno.h>

enum {
	MAX_STATES = 32,     /* remembered rows; compilers nest one deep */
	MAX_STEPS = 1 << 16, /* instructions of one program */
};

struct machine {
	const struct cfi_fde *fde;
	uint64_t loc, target; /* runs while loc <= target */
	struct cfi_row *row;
	struct cfi_row initial; /* what DW_CFA_restore goes back to */
	struct cfi_row states[MAX_STATES];
	uint32_t state_count, steps;
	bool done, bad;
};

/* Multiplied without a sign: foreign numbers may overflow. */
static int64_t scaled(const struct machine *m, uint64_t factor)
{
	return (int64_t)(factor * (uint64_t)m->fde->data_align);
}

/* The rule of a register; those that nobody unwinds with go to a place that nobody looks at. */
static struct cfi_rule *rule_of(struct machine *m, uint64_t reg, struct cfi_rule *nowhere)
{
	return reg < STACK_REGS ? &m->row->regs[reg] : nowhere;
}

static void set_rule(struct machine *m, uint64_t reg, uint8_t kind, int64_t offset)
{
	struct cfi_rule nowhere, *r = rule_of(m, reg, &nowhere);

	*r = (struct cfi_rule){ .kind = kind, .reg = (uint8_t)reg, .offset = offset };
}

static void set_register(struct machine *m, uint64_t reg, uint64_t from)
{
	set_rule(m, reg, from < STACK_REGS ? CFI_REGISTER : CFI_UNDEFINED, 0);
	if (reg < STACK_REGS && from < STACK_REGS)
		m->row->regs[reg].from = (uint8_t)from;
}

static void set_expr(struct machine *m, struct cursor *c, struct cfi_rule *r, uint8_t kind)
{
	uint64_t len = cursor_uleb(c);

	r->kind = kind;
	r->expr = cursor_take(c, len);
	r->expr_len = (uint32_t)len;
	m->bad |= !r->expr;
}

static void set_reg_expr(struct machine *m, struct cursor *c, uint8_t kind)
{
	uint64_t reg = cursor_uleb(c);
	struct cfi_rule nowhere, *r = rule_of(m, reg, &nowhere);

	r->reg = (uint8_t)reg;
	set_expr(m, c, r, kind);
}

static void set_cfa(struct machine *m, uint64_t reg, int64_t offset)
{
	struct cfi_rule *cfa = &m->row->cfa;

	*cfa = (struct cfi_rule){ .kind = CFI_VAL_OFFSET, .reg = (uint8_t)reg, .offset = offset };
	m->bad |= reg >= STACK_REGS;
}

/* Only one half of it changes: it must be of that form already. */
static void change_cfa(struct machine *m, const uint64_t *reg, int64_t offset)
{
	struct cfi_rule *cfa = &m->row->cfa;

	if (cfa->kind != CFI_VAL_OFFSET) {
		m->bad = true;
		return;
	}
	if (reg)
		set_cfa(m, *reg, cfa->offset);
	else
		cfa->offset = offset;
}

static void restore(struct machine *m, uint64_t reg)
{
	if (reg < STACK_REGS)
		m->row->regs[reg] = m->initial.regs[reg];
}

static void advance(struct machine *m, uint64_t by)
{
	if (m->loc + by < m->loc || m->loc + by > m->target)
		m->done = true;
	m->loc += by;
}

static void remember(struct machine *m)
{
	if (m->state_count == MAX_STATES)
		m->bad = true;
	else
		m->states[m->state_count++] = *m->row;
}

/* The CFA is restored as well: DWARF 5, 6.4.2.4, and what all compilers mean. */
static void recall(struct machine *m)
{
	if (m->state_count)
		*m->row = m->states[--m->state_count];
	else
		m->bad = true;
}

static void set_loc(struct machine *m, struct cursor *c)
{
	uint64_t here = m->fde->program_addr + (uint64_t)(c->p - m->fde->program);
	uint8_t format = m->fde->encoding & 0x0f;
	uint64_t loc;

	if (format == DW_EH_PE_absptr || format == DW_EH_PE_udata8 || format == DW_EH_PE_sdata8)
		loc = cursor_number(c, 8);
	else if (format == DW_EH_PE_sdata4 || format == DW_EH_PE_udata4)
		loc = (uint64_t)cursor_signed(c, 4);
	else
		loc = 0;
	if ((m->fde->encoding & 0x70) == DW_EH_PE_pcrel)
		loc += here;
	m->bad |= loc < m->loc;
	m->done |= loc > m->target;
	m->loc = loc;
}

/* The rows' own instructions. False: not one of them. A flat table. */
static bool step_location(struct machine *m, struct cursor *c, uint8_t op)
{
	uint64_t align = m->fde->code_align;

	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_set_loc:
		set_loc(m, c);
		return true;
	case DW_CFA_advance_loc1:
		advance(m, cursor_number(c, 1) * align);
		return true;
	case DW_CFA_advance_loc2:
		advance(m, cursor_number(c, 2) * align);
		return true;
	case DW_CFA_advance_loc4:
		advance(m, cursor_number(c, 4) * align);
		return true;
	case DW_CFA_remember_state:
		remember(m);
		return true;
	case DW_CFA_restore_state:
		recall(m);
		return true;
	case DW_CFA_GNU_args_size:
		cursor_uleb(c);
		return true;
	case DW_CFA_GNU_window_save:
		return true; /* of other machines */
	default:
		return false;
	}
}

static bool step_cfa(struct machine *m, struct cursor *c, uint8_t op)
{
	uint64_t reg;

	switch (op) {
	case DW_CFA_def_cfa:
		reg = cursor_uleb(c);
		set_cfa(m, reg, (int64_t)cursor_uleb(c));
		return true;
	case DW_CFA_def_cfa_sf:
		reg = cursor_uleb(c);
		set_cfa(m, reg, scaled(m, (uint64_t)cursor_sleb(c)));
		return true;
	case DW_CFA_def_cfa_register:
		reg = cursor_uleb(c);
		change_cfa(m, &reg, 0);
		return true;
	case DW_CFA_def_cfa_offset:
		change_cfa(m, NULL, (int64_t)cursor_uleb(c));
		return true;
	case DW_CFA_def_cfa_offset_sf:
		change_cfa(m, NULL, scaled(m, (uint64_t)cursor_sleb(c)));
		return true;
	case DW_CFA_def_cfa_expression:
		m->row->cfa = (struct cfi_rule){ .reg = STACK_RSP };
		set_expr(m, c, &m->row->cfa, CFI_VAL_EXPR);
		return true;
	default:
		return false;
	}
}

static bool step_rule(struct machine *m, struct cursor *c, uint8_t op)
{
	uint64_t reg;

	switch (op) {
	case DW_CFA_expression:
		set_reg_expr(m, c, CFI_EXPR);
		return true;
	case DW_CFA_val_expression:
		set_reg_expr(m, c, CFI_VAL_EXPR);
		return true;
	case DW_CFA_offset_extended:
	case DW_CFA_val_offset:
		reg = cursor_uleb(c);
		set_rule(m, reg, op == DW_CFA_val_offset ? CFI_VAL_OFFSET : CFI_OFFSET,
			 scaled(m, cursor_uleb(c)));
		return true;
	case DW_CFA_offset_extended_sf:
	case DW_CFA_val_offset_sf:
		reg = cursor_uleb(c);
		set_rule(m, reg, op == DW_CFA_val_offset_sf ? CFI_VAL_OFFSET : CFI_OFFSET,
			 scaled(m, (uint64_t)cursor_sleb(c)));
		return true;
	case DW_CFA_GNU_negative_offset_extended:
		reg = cursor_uleb(c);
		set_rule(m, reg, CFI_OFFSET, scaled(m, -cursor_uleb(c)));
		return true;
	case DW_CFA_restore_extended:
		restore(m, cursor_uleb(c));
		return true;
	case DW_CFA_undefined:
		set_rule(m, cursor_uleb(c), CFI_UNDEFINED, 0);
		return true;
	case DW_CFA_same_value:
		set_rule(m, cursor_uleb(c), CFI_SAME, 0);
		return true;
	case DW_CFA_register:
		reg = cursor_uleb(c);
		set_register(m, reg, cursor_uleb(c));
		return true;
	default:
		return false;
	}
}

static void step(struct machine *m, struct cursor *c)
{
	uint8_t op = cursor_u8(c), low = op & 0x3f;

	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		advance(m, low * m->fde->code_align);
		return;
	case DW_CFA_offset:
		set_rule(m, low, CFI_OFFSET, scaled(m, cursor_uleb(c)));
		return;
	case DW_CFA_restore:
		restore(m, low);
		return;
	}
	if (!step_rule(m, c, op) && !step_cfa(m, c, op) && !step_location(m, c, op))
		m->bad = true;
}

static void run(struct machine *m, const uint8_t *program, uint64_t len)
{
	struct cursor c = cursor_of(program, len);

	while (c.p < c.end && !m->done && !m->bad && m->steps++ < MAX_STEPS)
		step(m, &c);
	m->bad |= c.bad || m->steps > MAX_STEPS;
}

int cfi_run(const struct cfi_fde *fde, uint64_t addr, struct cfi_row *row)
{
	struct machine m;

	m.fde = fde;
	m.row = row;
	m.loc = 0;
	m.target = UINT64_MAX;
	m.state_count = m.steps = 0;
	m.done = m.bad = false;
	memset(row, 0, sizeof(*row));
	for (uint32_t i = 0; i < STACK_REGS; i++)
		row->regs[i].reg = (uint8_t)i;
	/* The caller's sp is the CFA: System V ABI for AMD64, 3.7. */
	row->regs[STACK_RSP].kind = CFI_VAL_OFFSET;
	m.initial = *row;
	run(&m, fde->initial, fde->initial_len);
	m.initial = *row;
	m.loc = fde->start;
	m.target = addr;
	m.state_count = 0;
	run(&m, fde->program, fde->program_len);
	if (m.bad || row->cfa.kind == CFI_SAME)
		return -EBADMSG;
	return 0;
}
