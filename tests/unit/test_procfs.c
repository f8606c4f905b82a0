/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/procfs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

Test(procfs, reads_a_whole_file)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	int64_t pid;

	cr_assert_eq(procfs_read_of(&b, getpid(), 0, "status", NULL), 0);
	cr_assert(procfs_field_int(strbuf_str(&b), "Pid:", &pid));
	cr_assert_eq(pid, getpid());
	cr_assert_eq(procfs_read_of(&b, getpid(), gettid(), "comm", NULL), 0);
	cr_assert_eq(strbuf_str(&b)[b.len - 1], '\n');
}

Test(procfs, says_which_file_is_missing)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(procfs_read_of(&b, 2000000000, 0, "status", &err), -ENOENT);
	cr_assert_str_eq(err.text, "/proc/2000000000/status: No such file or directory");
}

Test(procfs, refuses_a_file_without_end)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	cr_assert_eq(procfs_read(&b, "/dev/zero", NULL), -EFBIG);
}

Test(procfs, slurp_cuts_and_terminates)
{
	char text[4] = "xxx";

	cr_assert_eq(procfs_slurp(AT_FDCWD, "/proc/self/stat", text, sizeof(text)), 3);
	cr_assert_eq(text[3], '\0');
	cr_assert_eq(procfs_slurp(AT_FDCWD, "/proc/self/nothing", text, sizeof(text)), -ENOENT);
}

Test(procfs, number_takes_only_whole_numbers)
{
	cr_assert_eq(procfs_number("0"), 0);
	cr_assert_eq(procfs_number("2147483647"), 2147483647);
	cr_assert_eq(procfs_number("2147483648"), -1);
	cr_assert_eq(procfs_number("99999999999999999999999"), -1);
	cr_assert_eq(procfs_number(""), -1);
	cr_assert_eq(procfs_number("12x"), -1);
	cr_assert_eq(procfs_number("-1"), -1);
	cr_assert_eq(procfs_number(".."), -1);
}

Test(procfs, fields_of_a_status)
{
	static const char STATUS[] =
		"Name:\tSigBlk:\t7\nTracerPid:\t12\nSigBlk:\t00000000000a0001\n"
		"NSpid:\t812\t40\t1\nflags:\t02004002\n";
	uint64_t mask;
	int64_t n;

	cr_assert(procfs_field_hex(STATUS, "SigBlk:", &mask));
	cr_assert_eq(mask, 0xa0001, "a name that looks like a field is not one");
	cr_assert(procfs_field_int(STATUS, "TracerPid:", &n));
	cr_assert_eq(n, 12);
	cr_assert(procfs_field_last(STATUS, "NSpid:", &n));
	cr_assert_eq(n, 1);
	cr_assert(procfs_field_octal(STATUS, "flags:", &mask));
	cr_assert_eq(mask, 02004002);
}

Test(procfs, fields_that_are_not_there_touch_nothing)
{
	uint64_t mask = 77;
	int64_t n = 77;

	cr_assert_not(procfs_field_hex("", "SigBlk:", &mask));
	cr_assert_not(procfs_field_hex("SigBlk:", "SigBlk:", &mask));
	cr_assert_not(procfs_field_hex("SigBlk:\tzz\n", "SigBlk:", &mask));
	cr_assert_not(procfs_field_hex("SigBlk:\t11112222333344445\n", "SigBlk:", &mask));
	cr_assert_not(procfs_field_octal("flags:\t9\n", "flags:", &mask));
	cr_assert_not(procfs_field_int("Pid:\t\n", "Pid:", &n));
	cr_assert_not(procfs_field_int("Pid:\t12x\n", "Pid:", &n));
	cr_assert_not(procfs_field_int("Pid:\t99999999999999999999\n", "Pid:", &n));
	cr_assert_not(procfs_field_last("NSpid:\n7\n", "NSpid:", &n));
	cr_assert_eq(mask, 77);
	cr_assert_eq(n, 77);
	cr_assert(procfs_field_int("Pid:\t-1\n", "Pid:", &n));
	cr_assert_eq(n, -1);
}

static bool hex(const char *text, uint64_t *value, size_t *used)
{
	const char *p = text;
	bool found = procfs_hex(&p, value);

	*used = (size_t)(p - text);
	return found;
}

Test(procfs, hex_stops_at_what_is_no_digit)
{
	uint64_t v = 0;
	size_t used;

	cr_assert(hex("7fFe-", &v, &used));
	cr_assert_eq(v, 0x7ffe);
	cr_assert_eq(used, 4);
	cr_assert(hex("0x10 ", &v, &used));
	cr_assert_eq(v, 16);
	cr_assert(hex("ffffffffffffffff", &v, &used));
	cr_assert_eq(v, UINT64_MAX);
	cr_assert_not(hex("1ffffffffffffffff", &v, &used));
	cr_assert_eq(used, 0);
	cr_assert_not(hex("", &v, &used));
	cr_assert_not(hex("0x", &v, &used));
	cr_assert_not(hex("g", &v, &used));
}

Test(procfs, decimal_does_not_overflow)
{
	const char *most = "18446744073709551615,", *more = "18446744073709551616", *none = "-1";
	uint64_t v = 0;

	cr_assert(procfs_decimal(&most, &v));
	cr_assert_eq(v, UINT64_MAX);
	cr_assert_eq(*most, ',');
	cr_assert_not(procfs_decimal(&more, &v));
	cr_assert_not(procfs_decimal(&none, &v));
}

Test(procfs, opens_folders)
{
	_cleanup_close_ int fd = procfs_open_dir(getpid(), NULL);
	_cleanup_closedir_ DIR *tasks = fd < 0 ? NULL : procfs_opendir_at(fd, "task");

	cr_assert_geq(fd, 0);
	cr_assert_not_null(tasks);
	cr_assert_null(procfs_opendir_at(fd, "stat"));
	cr_assert_eq(procfs_open_dir(2000000000, "fd"), -ENOENT);
}
