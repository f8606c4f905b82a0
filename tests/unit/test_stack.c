/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/stack.h"

#include <criterion/criterion.h>
#include <string.h>

Test(stack, every_status_has_a_word_of_its_own)
{
	for (int i = 0; i < STACK_STATUS_COUNT; i++)
		for (int k = 0; k < i; k++)
			cr_expect_str_neq(stack_status_name(i), stack_status_name(k));
	cr_expect_str_eq(stack_status_name(STACK_STABLE), "stable");
	cr_expect_str_eq(stack_status_name(UINT8_MAX), "unknown");
}

Test(stack, registers_stand_where_dwarf_has_them)
{
	cr_expect_eq(STACK_RBX, 3);
	cr_expect_eq(STACK_RBP, 6);
	cr_expect_eq(STACK_RSP, 7);
	cr_expect_eq(STACK_KNOWN_SP_PC, 1 << 7 | 1 << 16);
	cr_expect_eq(STACK_KNOWN_ALL, 0x1ffff);
}
