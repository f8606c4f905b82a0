/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/cfi/expr.h"

#include "read/stack.h"

#include <criterion/criterion.h>
#include <dwarf.h>
#include <errno.h>
#include <string.h>

/* Memory where each word says where it is. */
static int read_word(void *arg, uint64_t addr, uint32_t len, uint64_t *value)
{
	uint64_t word = addr ^ 0xa5a5a5a5a5a5a5a5;

	(void)arg;
	if (addr < 0x1000)
		return -EFAULT;
	memcpy(value, &word, len);
	return 0;
}

static int run(const uint8_t *expr, size_t len, uint64_t *value)
{
	static const uint64_t regs[STACK_REGS] = {
		[STACK_RBP] = 0x7000, [STACK_RSP] = 0x6000, [STACK_PC] = 0x400123
	};
	struct expr_env env = { .regs = regs,
				.known = 1u << STACK_RBP | 1u << STACK_RSP | 1u << STACK_PC,
				.bias = 0x10000,
				.read = read_word };

	*value = 0xdead;
	return expr_run(expr, len, &env, value);
}

#define CHECK(want, ...)                                                                           \
	do {                                                                                       \
		const uint8_t expr[] = { __VA_ARGS__ };                                            \
		uint64_t value;                                                                    \
		int rc = run(expr, sizeof(expr), &value);                                          \
		cr_assert_eq(rc, 0, "%d", rc);                                                     \
		cr_assert_eq(value, (uint64_t)(want), "%#llx", (unsigned long long)value);         \
	} while (0)

#define REFUSED(want, ...)                                                                         \
	do {                                                                                       \
		const uint8_t expr[] = { __VA_ARGS__ };                                            \
		uint64_t value;                                                                    \
		cr_assert_eq(run(expr, sizeof(expr), &value), want);                               \
		cr_assert_eq(value, 0xdeadu);                                                      \
	} while (0)

Test(expr, constants)
{
	CHECK(0x10008, DW_OP_addr, 8, 0, 0, 0, 0, 0, 0, 0);
	CHECK(200, DW_OP_const1u, 200);
	CHECK(-56, DW_OP_const1s, 200);
	CHECK(0xfffe, DW_OP_const2u, 0xfe, 0xff);
	CHECK(-2, DW_OP_const2s, 0xfe, 0xff);
	CHECK(0xfffffffe, DW_OP_const4u, 0xfe, 0xff, 0xff, 0xff);
	CHECK(-2, DW_OP_const4s, 0xfe, 0xff, 0xff, 0xff);
	CHECK(1, DW_OP_const8u, 1, 0, 0, 0, 0, 0, 0, 0);
	CHECK(-1, DW_OP_const8s, 255, 255, 255, 255, 255, 255, 255, 255);
	CHECK(0x100, DW_OP_constu, 0x80, 2);
	CHECK(-128, DW_OP_consts, 0x80, 0x7f);
	CHECK(0, DW_OP_lit0);
	CHECK(31, DW_OP_lit31);
}

Test(expr, the_stack)
{
	CHECK(2, DW_OP_lit2, DW_OP_dup, DW_OP_drop);
	CHECK(2, DW_OP_lit2, DW_OP_lit3, DW_OP_over);
	CHECK(1, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_pick, 2);
	CHECK(-1, DW_OP_lit3, DW_OP_lit2, DW_OP_swap, DW_OP_minus);
	/* (1 2 3) becomes (3 1 2) */
	CHECK(2, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot);
	CHECK(1, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot, DW_OP_drop);
	CHECK(3, DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot, DW_OP_drop, DW_OP_drop);
}

Test(expr, registers_and_memory)
{
	CHECK(0x6ff0, DW_OP_breg6, 0x70);
	CHECK(0x7040, DW_OP_bregx, 6, 0xc0, 0);
	CHECK(0x7000 ^ 0xa5a5a5a5a5a5a5a5, DW_OP_breg6, 0, DW_OP_deref);
	CHECK((0x7000 ^ 0xa5a5a5a5a5a5a5a5) & 0xffff, DW_OP_breg6, 0, DW_OP_deref_size, 2);
	/* that of a slot of .plt: CFA = rsp + 8 + ((rip & 15) >= 11 ? 8 : 0) */
	CHECK(0x6008, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and, DW_OP_lit11,
	      DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus);
	REFUSED(-ENODATA, DW_OP_breg3, 0);
	REFUSED(-EFAULT, DW_OP_lit5, DW_OP_deref);
	REFUSED(-EBADMSG, DW_OP_breg17, 0);
	REFUSED(-EBADMSG, DW_OP_breg6, 0, DW_OP_deref_size, 9);
	REFUSED(-EBADMSG, DW_OP_breg6, 0, DW_OP_deref_size, 0);
}

Test(expr, arithmetic)
{
	CHECK(5, DW_OP_const1s, 0xfb, DW_OP_abs);
	CHECK(-5, DW_OP_lit5, DW_OP_neg);
	CHECK(~5ull, DW_OP_lit5, DW_OP_not);
	CHECK(0x105, DW_OP_lit5, DW_OP_plus_uconst, 0x80, 2);
	CHECK(1, DW_OP_lit5, DW_OP_lit3, DW_OP_and);
	CHECK(7, DW_OP_lit5, DW_OP_lit3, DW_OP_or);
	CHECK(6, DW_OP_lit5, DW_OP_lit3, DW_OP_xor);
	CHECK(15, DW_OP_lit5, DW_OP_lit3, DW_OP_mul);
	CHECK(-2, DW_OP_const1s, 0xfa, DW_OP_lit3, DW_OP_div);
	CHECK(2, DW_OP_lit5, DW_OP_lit3, DW_OP_mod);
	CHECK(40, DW_OP_lit5, DW_OP_lit3, DW_OP_shl);
	CHECK(2, DW_OP_lit16, DW_OP_lit3, DW_OP_shr);
	CHECK(-1, DW_OP_const1s, 0xff, DW_OP_lit3, DW_OP_shra);
	CHECK(0, DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shl);
	CHECK(0, DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shr);
	CHECK(-1, DW_OP_const1s, 0x80, DW_OP_const1u, 64, DW_OP_shra);
	CHECK(1, DW_OP_const1s, 0xff, DW_OP_lit3, DW_OP_lt);
	CHECK(0, DW_OP_const1s, 0xff, DW_OP_lit3, DW_OP_gt);
	CHECK(1, DW_OP_lit3, DW_OP_lit3, DW_OP_le);
	CHECK(1, DW_OP_lit3, DW_OP_lit3, DW_OP_ge);
	CHECK(1, DW_OP_lit3, DW_OP_lit3, DW_OP_eq);
	CHECK(0, DW_OP_lit3, DW_OP_lit3, DW_OP_ne);
	REFUSED(-EBADMSG, DW_OP_lit5, DW_OP_lit0, DW_OP_div);
	REFUSED(-EBADMSG, DW_OP_lit5, DW_OP_lit0, DW_OP_mod);
	REFUSED(-EBADMSG, DW_OP_lit1, DW_OP_const1u, 63, DW_OP_shl, DW_OP_const1s, 0xff, DW_OP_div);
}

Test(expr, jumps)
{
	CHECK(1, DW_OP_lit1, DW_OP_skip, 1, 0, DW_OP_lit2);
	CHECK(1, DW_OP_lit1, DW_OP_lit1, DW_OP_bra, 1, 0, DW_OP_lit2);
	CHECK(2, DW_OP_lit1, DW_OP_lit0, DW_OP_bra, 1, 0, DW_OP_lit2);
	/* count from 5 down to 0 */
	CHECK(0, DW_OP_lit5, DW_OP_lit1, DW_OP_minus, DW_OP_dup, DW_OP_bra, 0xfa, 0xff);
	REFUSED(-EBADMSG, DW_OP_skip, 0xfd, 0xff);
	REFUSED(-EBADMSG, DW_OP_lit1, DW_OP_skip, 2, 0, DW_OP_lit2);
	REFUSED(-EBADMSG, DW_OP_lit1, DW_OP_skip, 0xf0, 0xff);
}

Test(expr, nonsense_is_refused)
{
	uint8_t deep[100];
	uint64_t unset;

	memset(deep, DW_OP_lit1, sizeof(deep));
	cr_assert_eq(run(deep, sizeof(deep), &unset), -EBADMSG);
	cr_assert_eq(run(deep, 0, &unset), -EBADMSG);
	REFUSED(-EBADMSG, DW_OP_plus);
	REFUSED(-EBADMSG, DW_OP_lit1, DW_OP_plus);
	REFUSED(-EBADMSG, DW_OP_drop);
	REFUSED(-EBADMSG, DW_OP_lit1, DW_OP_pick, 1);
	REFUSED(-EBADMSG, DW_OP_const4u, 1, 2);
	REFUSED(-EBADMSG, DW_OP_constu, 0x80, 0x80);
	REFUSED(-EBADMSG, DW_OP_lit1, DW_OP_fbreg, 0);
	REFUSED(-EBADMSG, DW_OP_lit1, DW_OP_piece, 1);
	REFUSED(-EBADMSG, DW_OP_lit1, 0xff);
	REFUSED(-EBADMSG, DW_OP_call_frame_cfa);
}

Test(expr, begins_with_the_cfa)
{
	static const uint8_t minus[] = { DW_OP_lit16, DW_OP_minus },
			     call[] = { DW_OP_call_frame_cfa };
	struct expr_env env = { .has_cfa = true, .cfa = 0x5000, .read = read_word };
	uint64_t value;

	cr_assert_eq(expr_run(minus, sizeof(minus), &env, &value), 0);
	cr_assert_eq(value, 0x4ff0u);
	cr_assert_eq(expr_run(call, sizeof(call), &env, &value), 0);
	cr_assert_eq(value, 0x5000u);
}
