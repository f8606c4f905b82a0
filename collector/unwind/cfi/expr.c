/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/cfi/expr.h"

#include "read/stack.h"
#include "unwind/cfi/cursor.h"

#include <dwarf.h>
#include <errno.h>

enum { MAX_DEPTH = 64, MAX_STEPS = 1024 };

struct machine {
	const struct expr_env *env;
	const uint8_t *start;
	struct cursor c;
	uint64_t stack[MAX_DEPTH];
	uint32_t depth;
	int rc;
};

static void fail(struct machine *m, int rc)
{
	if (!m->rc)
		m->rc = rc;
}

static void push(struct machine *m, uint64_t v)
{
	if (m->depth == MAX_DEPTH)
		fail(m, -EBADMSG);
	else
		m->stack[m->depth++] = v;
}

static uint64_t pop(struct machine *m)
{
	if (!m->depth) {
		fail(m, -EBADMSG);
		return 0;
	}
	return m->stack[--m->depth];
}

/* The n-th below the top. */
static uint64_t peek(struct machine *m, uint64_t n)
{
	if (n >= m->depth) {
		fail(m, -EBADMSG);
		return 0;
	}
	return m->stack[m->depth - 1 - n];
}

static void push_reg(struct machine *m, uint64_t reg, int64_t offset)
{
	if (reg >= STACK_REGS)
		fail(m, -EBADMSG);
	else if (!(m->env->known & 1U << reg))
		fail(m, -ENODATA);
	else
		push(m, m->env->regs[reg] + (uint64_t)offset);
}

static void deref(struct machine *m, uint32_t len)
{
	uint64_t value = 0, addr = pop(m);
	int rc;

	if (len < 1 || len > 8)
		fail(m, -EBADMSG);
	if (m->rc)
		return;
	rc = m->env->read(m->env->arg, addr, len, &value);
	if (rc < 0)
		fail(m, rc);
	push(m, value);
}

static void jump(struct machine *m, int64_t by)
{
	int64_t at = m->c.p - m->start + by;

	if (at < 0 || at > m->c.end - m->start)
		fail(m, -EBADMSG);
	else
		m->c.p = m->start + at;
}

/* Constants. False: none. Flat tables from here on. */
static bool step_const(struct machine *m, uint8_t op)
{
	struct cursor *c = &m->c;

	switch (op) {
	case DW_OP_addr:
		push(m, cursor_number(c, 8) + m->env->bias);
		return true;
	case DW_OP_const1u:
		push(m, cursor_number(c, 1));
		return true;
	case DW_OP_const1s:
		push(m, (uint64_t)cursor_signed(c, 1));
		return true;
	case DW_OP_const2u:
		push(m, cursor_number(c, 2));
		return true;
	case DW_OP_const2s:
		push(m, (uint64_t)cursor_signed(c, 2));
		return true;
	case DW_OP_const4u:
		push(m, cursor_number(c, 4));
		return true;
	case DW_OP_const4s:
		push(m, (uint64_t)cursor_signed(c, 4));
		return true;
	case DW_OP_const8u:
	case DW_OP_const8s:
		push(m, cursor_number(c, 8));
		return true;
	case DW_OP_constu:
		push(m, cursor_uleb(c));
		return true;
	case DW_OP_consts:
		push(m, (uint64_t)cursor_sleb(c));
		return true;
	default:
		if (op < DW_OP_lit0 || op > DW_OP_lit31)
			return false;
		push(m, op - DW_OP_lit0);
		return true;
	}
}

static bool step_stack(struct machine *m, uint8_t op)
{
	uint64_t a, b, d;

	switch (op) {
	case DW_OP_dup:
		push(m, peek(m, 0));
		return true;
	case DW_OP_drop:
		pop(m);
		return true;
	case DW_OP_over:
		push(m, peek(m, 1));
		return true;
	case DW_OP_pick:
		push(m, peek(m, cursor_u8(&m->c)));
		return true;
	case DW_OP_swap:
		a = pop(m);
		b = pop(m);
		push(m, a);
		push(m, b);
		return true;
	case DW_OP_rot: /* the top goes below the next two */
		a = pop(m);
		b = pop(m);
		d = pop(m);
		push(m, a);
		push(m, d);
		push(m, b);
		return true;
	case DW_OP_deref:
		deref(m, 8);
		return true;
	case DW_OP_deref_size:
		deref(m, cursor_u8(&m->c));
		return true;
	default:
		return false;
	}
}

static bool step_unary(struct machine *m, uint8_t op)
{
	uint64_t a;

	switch (op) {
	case DW_OP_abs:
		a = pop(m);
		push(m, (int64_t)a < 0 ? -a : a);
		return true;
	case DW_OP_neg:
		push(m, -pop(m));
		return true;
	case DW_OP_not:
		push(m, ~pop(m));
		return true;
	case DW_OP_plus_uconst:
		a = pop(m);
		push(m, a + cursor_uleb(&m->c));
		return true;
	case DW_OP_nop:
		return true;
	case DW_OP_skip:
		jump(m, cursor_signed(&m->c, 2));
		return true;
	case DW_OP_bra: {
		int64_t by = cursor_signed(&m->c, 2);

		if (pop(m))
			jump(m, by);
		return true;
	}
	case DW_OP_call_frame_cfa:
		if (m->env->has_cfa)
			push(m, m->env->cfa);
		else
			fail(m, -EBADMSG);
		return true;
	default:
		return false;
	}
}

static uint64_t divide(struct machine *m, uint64_t a, uint64_t b, bool rest)
{
	if (!b || (!rest && a == (uint64_t)INT64_MIN && b == UINT64_MAX)) {
		fail(m, -EBADMSG);
		return 0;
	}
	return rest ? a % b : (uint64_t)((int64_t)a / (int64_t)b);
}

/* The bits that were shifted in from the left are those of the sign. */
static uint64_t shift_signed(uint64_t a, uint64_t by)
{
	return (uint64_t)((int64_t)a >> (by < 63 ? by : 63));
}

static uint64_t binary(struct machine *m, uint8_t op, uint64_t a, uint64_t b)
{
	int64_t x = (int64_t)a, y = (int64_t)b;

	switch (op) {
	case DW_OP_and:
		return a & b;
	case DW_OP_or:
		return a | b;
	case DW_OP_xor:
		return a ^ b;
	case DW_OP_plus:
		return a + b;
	case DW_OP_minus:
		return a - b;
	case DW_OP_mul:
		return a * b;
	case DW_OP_div:
		return divide(m, a, b, false);
	case DW_OP_mod:
		return divide(m, a, b, true);
	case DW_OP_shl:
		return b < 64 ? a << b : 0;
	case DW_OP_shr:
		return b < 64 ? a >> b : 0;
	case DW_OP_shra:
		return shift_signed(a, b);
	case DW_OP_eq:
		return x == y;
	case DW_OP_ne:
		return x != y;
	case DW_OP_lt:
		return x < y;
	case DW_OP_le:
		return x <= y;
	case DW_OP_gt:
		return x > y;
	case DW_OP_ge:
		return x >= y;
	default: /* registers as places, pieces, types: they have no meaning here */
		fail(m, -EBADMSG);
		return 0;
	}
}

static void step(struct machine *m)
{
	uint8_t op = cursor_u8(&m->c);
	uint64_t a, b;

	if (op >= DW_OP_breg0 && op <= DW_OP_breg31) {
		push_reg(m, op - DW_OP_breg0, cursor_sleb(&m->c));
		return;
	}
	if (op == DW_OP_bregx) {
		a = cursor_uleb(&m->c);
		push_reg(m, a, cursor_sleb(&m->c));
		return;
	}
	if (step_const(m, op) || step_stack(m, op) || step_unary(m, op))
		return;
	b = pop(m);
	a = pop(m);
	push(m, binary(m, op, a, b));
}

int expr_run(const uint8_t *expr, uint64_t len, const struct expr_env *env, uint64_t *value)
{
	struct machine m;
	uint64_t top;

	m.env = env;
	m.start = expr;
	m.c = cursor_of(expr, len);
	m.depth = 0;
	m.rc = 0;
	if (env->has_cfa)
		push(&m, env->cfa);
	for (uint32_t i = 0; m.c.p < m.c.end && !m.rc; i++) {
		step(&m);
		if (m.c.bad || i == MAX_STEPS)
			fail(&m, -EBADMSG);
	}
	top = pop(&m);
	if (m.rc)
		return m.rc;
	*value = top;
	return 0;
}
