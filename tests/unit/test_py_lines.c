/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_lines.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* The lines of the instructions at byte 0, 2, 4, .. */
static void check(uint32_t minor, const uint8_t *table, size_t len, const uint32_t *lines,
		  uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		cr_expect_eq(py_line(minor, table, len, 10, i * 2), lines[i],
			     "3.%u, byte %u: %u, not %u", minor, i * 2,
			     py_line(minor, table, len, 10, i * 2), lines[i]);
	cr_expect_eq(py_line(minor, table, len, 10, -1), 10);
}

Test(py_lines, lnotab)
{
	/* 4 bytes of line 11, 2 of line 10 + 1 + 127 + 3 = 141, back by 130 */
	const uint8_t table[] = { 0, 1, 4, 127, 0, 3, 2, 0x80, 0, 0xfe };
	const uint32_t lines[] = { 11, 11, 141, 11, 11 };

	check(9, table, sizeof(table), lines, 5);
	check(9, table, 0, (const uint32_t[]){ 10, 10 }, 2);
}

Test(py_lines, linetable_310)
{
	/* line 11 for 4 bytes, none for 2, 141 for 2, 11 for 2 */
	const uint8_t table[] = { 4, 1, 2, 0x80, 0, 127, 2, 3, 0, 0x81, 2, 0xfd };
	const uint32_t lines[] = { 11, 11, 0, 141, 11, 0 };

	check(10, table, sizeof(table), lines, 6);
}

/* Objects/locations.md: kinds short, one line, no columns, long, none. */
Test(py_lines, locations_311)
{
	const uint8_t table[] = {
		0x80 | 11 << 3 | 1, 1,	    2,		     /* line + 1: two instructions */
		0x80 | 0 << 3 | 0,  0,			     /* same line: one */
		0x80 | 15 << 3 | 0,			     /* none: one */
		0x80 | 13 << 3 | 0, 64 | 2, 4,		     /* + (2 + 4 * 64) / 2 = + 129 */
		0x80 | 14 << 3 | 0, 3,	    0, 64 | 1, 1, 1, /* - 1 */
		0x80 | 12 << 3 | 0, 1,	    2,		     /* + 2 */
	};
	const uint32_t lines[] = { 11, 11, 11, 0, 140, 139, 141, 0 };

	check(11, table, sizeof(table), lines, 8);
	check(15, table, sizeof(table), lines, 8);
}

Test(py_lines, nonsense)
{
	uint8_t table[64];

	srand(7);
	for (int i = 0; i < 20000; i++) {
		size_t len = (size_t)rand() % sizeof(table);

		for (size_t k = 0; k < len; k++)
			table[k] = (uint8_t)rand();
		for (uint32_t minor = 9; minor <= 15; minor++)
			cr_assert_leq(py_line(minor, table, len, 1, rand() % 300), INT32_MAX);
	}
	memset(table, 0xff, sizeof(table));
	cr_assert_eq(py_line(11, table, sizeof(table), 1, 1 << 20), 0);
}
