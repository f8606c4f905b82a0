/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_offsets.h"

#include "lib/unit_python.h"
#include "read/mem.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/syscall.h>

enum { DEBUG_MAX = 1024 };

/* The debug offsets of a live interpreter that has some. */
static bool debug_offsets(uint8_t bytes[DEBUG_MAX], uint32_t *minor)
{
	struct python py;

	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_mem_ struct mem *mem = NULL;
		uint64_t at;

		if (py.minor < 13)
			continue;
		python_start(&py, "import ctypes\n"
				  "print(ctypes.addressof(ctypes.c_char.in_dll(\n"
				  "    ctypes.pythonapi, '_PyRuntime')), flush=True)\n"
				  "input()");
		at = python_number(&py);
		mem = mem_new(py.tgid, false);
		cr_assert_eq(mem_read(mem, at, bytes, DEBUG_MAX), 0);
		*minor = py.minor;
		python_end(&py);
		return true;
	}
	return false;
}

Test(py_offsets, known_versions)
{
	for (uint32_t minor = 0; minor < 64; minor++) {
		const struct py_offsets *off = py_offsets_of(minor);

		cr_assert_eq(off != NULL, minor >= PY_MINOR_FIRST && minor <= PY_MINOR_LAST);
		cr_assert(!off || off->minor == minor);
	}
	/* sizeof(struct _Py_DebugOffsets) of each */
	cr_assert_eq(py_offsets_debug_size(12), 0);
	cr_assert_eq(py_offsets_debug_size(13), 584);
	cr_assert_eq(py_offsets_debug_size(14), 760);
	cr_assert_eq(py_offsets_debug_size(15), 888);
}

Test(py_offsets, the_interpreter_and_the_table_agree, .timeout = 60)
{
	uint8_t bytes[DEBUG_MAX];
	struct py_offsets off;
	const char *why = NULL;
	uint32_t minor;

	if (!debug_offsets(bytes, &minor))
		cr_skip_test("no python3.13 or later");
	off = *py_offsets_of(minor);
	cr_assert(py_offsets_check(&off, bytes, &why), "%s", why);
	cr_assert_arr_eq(&off, py_offsets_of(minor), sizeof(off));
}

Test(py_offsets, what_makes_no_sense_changes_nothing, .timeout = 60)
{
	uint8_t bytes[DEBUG_MAX], wrong[DEBUG_MAX];
	struct py_offsets off;
	const char *why = NULL;
	uint32_t minor, refused = 0;

	if (!debug_offsets(bytes, &minor))
		cr_skip_test("no python3.13 or later");
	for (size_t i = 0; i < py_offsets_debug_size(minor); i++) {
		memcpy(wrong, bytes, sizeof(wrong));
		wrong[i] ^= 0x80;
		off = *py_offsets_of(minor);
		if (py_offsets_check(&off, wrong, &why))
			continue;
		refused++;
		cr_assert(why);
		cr_assert_arr_eq(&off, py_offsets_of(minor), sizeof(off));
	}
	cr_assert_gt(refused, 300);
	memcpy(wrong, bytes, sizeof(wrong));
	wrong[16] = 1;
	off = *py_offsets_of(minor);
	cr_assert_not(py_offsets_check(&off, wrong, &why));
	cr_assert(strstr(why, "free-threaded"));
}
