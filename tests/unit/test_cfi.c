/* SPDX-License-Identifier: BSD-2-Clause */
/* Frame descriptions, byte by byte, and the rows that they stand for. */
#include "unwind/cfi/cfi.h"

#include "lib/unit_elf.h"

#include <criterion/criterion.h>
#include <dwarf.h>
#include <errno.h>
#include <string.h>

/* The functions that are described lie there. */
static const uint64_t CODE = UNIT_ELF_BASE + 0x100;

/* Code alignment 1, data alignment -8, CFA = rsp + 8, return address at CFA - 8. */
/* clang-format off */
static const uint8_t plain_cie[] = {
	0x14, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, DW_EH_PE_pcrel | DW_EH_PE_sdata4,
	DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1, 0, 0,
};
/* clang-format on */

struct section {
	struct strbuf b;
	uint64_t addr; /* where it will be: the first section of the file */
	uint64_t fde[8];
	uint32_t fde_count;
};

static void section_begin(struct section *s)
{
	*s = (struct section){ .addr = UNIT_ELF_BASE + 4096 };
	strbuf_addn(&s->b, (const char *)plain_cie, sizeof(plain_cie));
}

/* A description of [start, start + size) with that program, of the section's first common part. */
static void add_fde(struct section *s, uint64_t start, uint32_t size, const uint8_t *program,
		    size_t len)
{
	uint32_t at = (uint32_t)s->b.len, total = (uint32_t)(4 + 8 + 1 + len);
	uint32_t id = at + 4;
	int32_t relative = (int32_t)(start - (s->addr + at + 8));

	s->fde[s->fde_count++] = s->addr + at;
	strbuf_addn(&s->b, (char *)&total, 4);
	strbuf_addn(&s->b, (char *)&id, 4);
	strbuf_addn(&s->b, (char *)&relative, 4);
	strbuf_addn(&s->b, (char *)&size, 4);
	strbuf_addc(&s->b, 0);
	strbuf_addn(&s->b, (const char *)program, len);
}

/* The file of the section; yours. `hdr`: with a table of its descriptions. */
static struct elf_file *make_file(struct section *s, bool hdr)
{
	struct unit_elf e = UNIT_ELF_INIT;
	uint64_t pairs[8][2];
	struct elf_file *f;

	strbuf_addn(&s->b, "\0\0\0\0", 4);
	cr_assert_eq(unit_elf_section(&e, ".eh_frame", SHT_PROGBITS, s->b.s, s->b.len), s->addr);
	for (uint32_t i = 0; i < s->fde_count; i++) {
		pairs[i][0] = CODE + i * 0x100;
		pairs[i][1] = s->fde[i];
	}
	if (hdr)
		unit_elf_frame_hdr(&e, s->addr, pairs, s->fde_count);
	unit_elf_finish(&e);
	f = elf_file_new(unit_elf_bytes(&e));
	cr_assert_null(f->missing);
	unit_elf_release(&e);
	strbuf_release(&s->b);
	return f;
}

/* The first operation of each register's expression and, last, of that of the CFA. */
static uint8_t first_op[STACK_REGS + 1];

static void note_expressions(const struct cfi_row *row)
{
	for (uint32_t i = 0; i <= STACK_REGS; i++) {
		const struct cfi_rule *rule = i < STACK_REGS ? &row->regs[i] : &row->cfa;

		if (rule->kind == CFI_EXPR || rule->kind == CFI_VAL_EXPR)
			first_op[i] = rule->expr[0];
	}
}

/* Run a program to `at` bytes into its function. The expressions of *row are gone afterwards. */
static int run_program(const uint8_t *program, size_t len, uint64_t at, struct cfi_row *row)
{
	_cleanup_elf_file_ struct elf_file *f = NULL;
	struct cfi_section cfi;
	struct section s;
	struct cfi_fde fde;
	int rc;

	section_begin(&s);
	add_fde(&s, CODE, 0x80, program, len);
	f = make_file(&s, true);
	cfi_section_init(&cfi, f);
	cr_assert_eq(cfi_find(&cfi, CODE + at, &fde), 0);
	rc = cfi_run(&fde, CODE + at, row);
	if (rc == 0)
		note_expressions(row);
	cfi_section_release(&cfi);
	return rc;
}

#define RUN(at, row, ...)                                                                          \
	run_program((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }),    \
		    at, row)

static void check_cfa(const struct cfi_row *row, uint32_t reg, int64_t offset)
{
	cr_assert_eq(row->cfa.kind, CFI_VAL_OFFSET);
	cr_assert_eq(row->cfa.reg, reg);
	cr_assert_eq(row->cfa.offset, offset, "CFA + %lld", (long long)row->cfa.offset);
}

static void check_saved(const struct cfi_row *row, uint32_t reg, int64_t offset)
{
	cr_assert_eq(row->regs[reg].kind, CFI_OFFSET, "register %u", reg);
	cr_assert_eq(row->regs[reg].offset, offset);
}

Test(cfi, rows_of_a_function_with_a_frame_pointer)
{
	/* push %rbp; mov %rsp,%rbp; ...; leave; ret */
	/* clang-format off */
	static const uint8_t program[] = {
		DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 6, 2,
		DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, 6,
		DW_CFA_advance_loc1, 60, DW_CFA_def_cfa, 7, 8, DW_CFA_restore | 6,
	};
	/* clang-format on */
	struct cfi_row row;

	cr_assert_eq(run_program(program, sizeof(program), 0, &row), 0);
	check_cfa(&row, STACK_RSP, 8);
	check_saved(&row, STACK_PC, -8);
	cr_assert_eq(row.regs[STACK_RBP].kind, CFI_SAME);
	for (int at = 1; at < 4; at++) {
		cr_assert_eq(run_program(program, sizeof(program), (uint64_t)at, &row), 0);
		check_cfa(&row, STACK_RSP, 16);
		check_saved(&row, STACK_RBP, -16);
	}
	cr_assert_eq(run_program(program, sizeof(program), 63, &row), 0);
	check_cfa(&row, STACK_RBP, 16);
	check_saved(&row, STACK_RBP, -16);
	check_saved(&row, STACK_PC, -8);
	cr_assert_eq(run_program(program, sizeof(program), 64, &row), 0);
	check_cfa(&row, STACK_RSP, 8);
	cr_assert_eq(row.regs[STACK_RBP].kind, CFI_SAME);
}

Test(cfi, every_way_to_go_on)
{
	struct cfi_row row;

	cr_assert_eq(RUN(9, &row, DW_CFA_advance_loc2, 10, 0, DW_CFA_def_cfa_offset, 99), 0);
	check_cfa(&row, STACK_RSP, 8);
	cr_assert_eq(RUN(10, &row, DW_CFA_advance_loc2, 10, 0, DW_CFA_def_cfa_offset, 99), 0);
	check_cfa(&row, STACK_RSP, 99);
	cr_assert_eq(RUN(9, &row, DW_CFA_advance_loc4, 9, 0, 0, 0, DW_CFA_def_cfa_offset, 99), 0);
	check_cfa(&row, STACK_RSP, 99);
	cr_assert_eq(RUN(0, &row, DW_CFA_nop, DW_CFA_GNU_args_size, 0x80, 1, DW_CFA_nop), 0);
	check_cfa(&row, STACK_RSP, 8);
}

Test(cfi, every_kind_of_rule)
{
	struct cfi_row row;

	cr_assert_eq(RUN(0, &row, DW_CFA_offset_extended, 3, 4, DW_CFA_undefined, 6,
			 DW_CFA_register, 12, 5, DW_CFA_offset_extended_sf, 13, 0x7e,
			 DW_CFA_val_offset, 14, 2, DW_CFA_val_offset_sf, 15, 0x7d),
		     0);
	check_saved(&row, 3, -32);
	cr_assert_eq(row.regs[6].kind, CFI_UNDEFINED);
	cr_assert_eq(row.regs[12].kind, CFI_REGISTER);
	cr_assert_eq(row.regs[12].from, 5);
	check_saved(&row, 13, 16);
	cr_assert_eq(row.regs[14].kind, CFI_VAL_OFFSET);
	cr_assert_eq(row.regs[14].offset, -16);
	cr_assert_eq(row.regs[15].kind, CFI_VAL_OFFSET);
	cr_assert_eq(row.regs[15].offset, 24);
	cr_assert_eq(RUN(0, &row, DW_CFA_GNU_negative_offset_extended, 3, 4), 0);
	check_saved(&row, 3, 32);
	cr_assert_eq(RUN(0, &row, DW_CFA_offset | 3, 2, DW_CFA_same_value, 3), 0);
	cr_assert_eq(row.regs[3].kind, CFI_SAME);
	cr_assert_eq(RUN(0, &row, DW_CFA_offset | 3, 2, DW_CFA_restore_extended, 3), 0);
	cr_assert_eq(row.regs[3].kind, CFI_SAME);
	cr_assert_eq(RUN(0, &row, DW_CFA_undefined, 16), 0);
	cr_assert_eq(row.regs[STACK_PC].kind, CFI_UNDEFINED);
	cr_assert_eq(RUN(0, &row, DW_CFA_undefined, 16, DW_CFA_restore | 16), 0);
	check_saved(&row, STACK_PC, -8);
	/* xmm0 and others beyond are not unwound with, and harm nobody */
	cr_assert_eq(RUN(0, &row, DW_CFA_offset | 17, 2, DW_CFA_undefined, 0xff, 0x7f), 0);
}

Test(cfi, cfa_with_a_sign_or_an_expression)
{
	struct cfi_row row;

	cr_assert_eq(RUN(0, &row, DW_CFA_def_cfa_sf, 6, 0x7e), 0);
	check_cfa(&row, STACK_RBP, 16);
	cr_assert_eq(RUN(0, &row, DW_CFA_def_cfa_offset_sf, 0x7d), 0);
	check_cfa(&row, STACK_RSP, 24);
	cr_assert_eq(RUN(0, &row, DW_CFA_def_cfa_expression, 2, DW_OP_breg6, 8), 0);
	cr_assert_eq(row.cfa.kind, CFI_VAL_EXPR);
	cr_assert_eq(row.cfa.expr_len, 2u);
	cr_assert_eq(first_op[STACK_REGS], DW_OP_breg6);
	cr_assert_eq(RUN(0, &row, DW_CFA_expression, 3, 2, DW_OP_breg6, 0, DW_CFA_val_expression,
			 12, 1, DW_OP_lit5),
		     0);
	cr_assert_eq(row.regs[3].kind, CFI_EXPR);
	cr_assert_eq(row.regs[12].kind, CFI_VAL_EXPR);
	cr_assert_eq(first_op[12], DW_OP_lit5);
}

Test(cfi, states_are_remembered_in_order)
{
	/* clang-format off */
	static const uint8_t program[] = {
		DW_CFA_def_cfa_offset, 16, DW_CFA_remember_state,
		DW_CFA_def_cfa_offset, 24, DW_CFA_offset | 3, 2, DW_CFA_remember_state,
		DW_CFA_def_cfa_offset, 32,
		DW_CFA_advance_loc | 1, DW_CFA_restore_state,
		DW_CFA_advance_loc | 1, DW_CFA_restore_state,
	};
	/* clang-format on */
	struct cfi_row row;

	cr_assert_eq(run_program(program, sizeof(program), 0, &row), 0);
	check_cfa(&row, STACK_RSP, 32);
	cr_assert_eq(run_program(program, sizeof(program), 1, &row), 0);
	check_cfa(&row, STACK_RSP, 24);
	check_saved(&row, 3, -16);
	cr_assert_eq(run_program(program, sizeof(program), 2, &row), 0);
	check_cfa(&row, STACK_RSP, 16);
	cr_assert_eq(row.regs[3].kind, CFI_SAME);
}

Test(cfi, nonsense_is_refused)
{
	uint8_t many[40];
	struct cfi_row row;

	memset(many, DW_CFA_remember_state, sizeof(many));
	cr_assert_eq(run_program(many, sizeof(many), 0, &row), -EBADMSG);
	cr_assert_eq(RUN(0, &row, DW_CFA_restore_state), -EBADMSG);
	cr_assert_eq(RUN(0, &row, 0x3f), -EBADMSG);
	cr_assert_eq(RUN(0, &row, DW_CFA_def_cfa, 50, 8), -EBADMSG);
	cr_assert_eq(RUN(0, &row, DW_CFA_def_cfa, 7), -EBADMSG);
	cr_assert_eq(RUN(0, &row, DW_CFA_def_cfa_expression, 99, 0), -EBADMSG);
	cr_assert_eq(RUN(0, &row, DW_CFA_expression, 3, 0xff, 0xff, 0xff, 0x7f), -EBADMSG);
	cr_assert_eq(RUN(0, &row, DW_CFA_def_cfa_expression, 1, DW_OP_lit0, DW_CFA_def_cfa_offset,
			 8),
		     -EBADMSG);
}

/* Three functions with a gap; the answers do not depend on who made the table. */
static void check_find(bool hdr)
{
	static const uint8_t offsets[][2] = { { DW_CFA_def_cfa_offset, 16 },
					      { DW_CFA_def_cfa_offset, 24 },
					      { DW_CFA_def_cfa_offset, 32 } };
	_cleanup_elf_file_ struct elf_file *f = NULL;
	struct cfi_section cfi;
	struct section s;
	struct cfi_fde fde;
	struct cfi_row row;

	section_begin(&s);
	for (uint32_t i = 0; i < 3; i++)
		add_fde(&s, CODE + i * 0x100, 0x80, offsets[i], 2);
	f = make_file(&s, hdr);
	cfi_section_init(&cfi, f);
	for (uint64_t at = 0; at < 0x300; at++) {
		int rc = cfi_find(&cfi, CODE + at, &fde);

		cr_assert_eq(rc, at % 0x100 < 0x80 ? 0 : -ENOENT, "at %#llx: %d",
			     (unsigned long long)at, rc);
		if (rc)
			continue;
		cr_assert_eq(fde.start, CODE + at / 0x100 * 0x100);
		cr_assert_eq(fde.end, fde.start + 0x80);
		cr_assert_eq(cfi_run(&fde, CODE + at, &row), 0);
		check_cfa(&row, STACK_RSP, (int64_t)(16 + at / 0x100 * 8));
	}
	cr_assert_eq(cfi_find(&cfi, CODE - 1, &fde), -ENOENT);
	cr_assert_eq(cfi_find(&cfi, UINT64_MAX, &fde), -ENOENT);
	cr_assert_eq(cfi.indexed, !hdr);
	cfi_section_release(&cfi);
}

Test(cfi, found_by_the_table_of_the_file)
{
	check_find(true);
}

Test(cfi, found_without_a_table)
{
	check_find(false);
}

Test(cfi, a_signal_frame_says_so)
{
	/* zRS, as glibc's __restore_rt */
	/* clang-format off */
	static const uint8_t cie[] = {
		0x14, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 'S', 0, 1, 0x78, 16, 1,
		DW_EH_PE_pcrel | DW_EH_PE_sdata4,
		DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1, 0,
	};
	/* clang-format on */
	_cleanup_elf_file_ struct elf_file *f = NULL;
	struct cfi_section cfi;
	struct section s;
	struct cfi_fde fde;

	section_begin(&s);
	memcpy(s.b.s, cie, sizeof(cie));
	add_fde(&s, CODE, 9, (const uint8_t *)"", 1);
	f = make_file(&s, false);
	cfi_section_init(&cfi, f);
	cr_assert_eq(cfi_find(&cfi, CODE, &fde), 0);
	cr_assert(fde.signal);
	cfi_section_release(&cfi);
}

/*
 * .debug_frame: ids are all ones, ways to the common part count from the start, addresses are
 * whole.
 */
Test(cfi, the_same_in_debug_frame)
{
	/* clang-format off */
	static const uint8_t frame[] = {
		0x14, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 4, 0, 8, 0, 1, 0x78, 16,
		DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1, 0, 0, 0, 0,
		0x18, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x10, 0x40, 0, 0, 0, 0, 0, 0x20, 0, 0, 0, 0, 0, 0,
		0, DW_CFA_def_cfa_offset, 48, 0, 0,
	};
	/* clang-format on */
	struct unit_elf e = UNIT_ELF_INIT;
	_cleanup_elf_file_ struct elf_file *f = NULL;
	struct elf_range range = { .size = sizeof(frame) };
	struct cfi_section cfi;
	struct cfi_fde fde;
	struct cfi_row row;

	unit_elf_section(&e, ".debug_frame", SHT_PROGBITS, frame, sizeof(frame));
	unit_elf_finish(&e);
	f = elf_file_new(unit_elf_bytes(&e));
	range.offset = elf_section(f, ".debug_frame", 0)->offset;
	cfi_section_init_debug(&cfi, f, f->bytes, range);
	cr_assert_eq(cfi_find(&cfi, 0x401010, &fde), 0);
	cr_assert_eq(fde.start, 0x401000u);
	cr_assert_eq(fde.end, 0x401020u);
	cr_assert_eq(cfi_run(&fde, 0x401010, &row), 0);
	check_cfa(&row, STACK_RSP, 48);
	cr_assert_eq(cfi_find(&cfi, 0x401020, &fde), -ENOENT);
	cfi_section_release(&cfi);
	unit_elf_release(&e);
}
