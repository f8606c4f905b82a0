/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/procstat.h"

#include "read/proc/procfs.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

/* A line as of 6.1, with `name` for a name and `state` for a state. */
static char *line(const char *name, char state)
{
	return xasprintf(
		"42 (%s) %c 7 42 41 34816 42 4194368 11 0 3 0 61 62 0 0 20 0 1 0 5150 9 1 "
		"18446744073709551615 1 2 140737488351000 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 "
		"0 0 0 140737488352000 140737488352099 0 0 256\n",
		name, state);
}

Test(procstat, reads_every_field)
{
	_cleanup_free_ char *text = line("sh", 'S');
	struct procstat st;

	cr_assert(procstat_parse(text, &st));
	cr_assert_eq(st.pid, 42);
	cr_assert_str_eq(st.comm, "sh");
	cr_assert_eq(st.state, 'S');
	cr_assert_eq(st.ppid, 7);
	cr_assert_eq(st.pgrp, 42);
	cr_assert_eq(st.session, 41);
	cr_assert_eq(st.tty_nr, 34816);
	cr_assert_eq(st.tpgid, 42);
	cr_assert(st.flags & PROCSTAT_FORKNOEXEC);
	cr_assert_not(st.flags & PROCSTAT_KTHREAD);
	cr_assert_eq(st.faults, 14);
	cr_assert_eq(st.user_ticks, 61);
	cr_assert_eq(st.system_ticks, 62);
	cr_assert_eq(st.start_ticks, 5150);
	cr_assert_eq(st.start_stack, 140737488351000ull);
	cr_assert_eq(st.arg_start, 140737488352000ull);
	cr_assert_eq(st.arg_end, 140737488352099ull);
	cr_assert_eq(st.exit_code, 256);
}

Test(procstat, a_name_may_hold_anything)
{
	static const char *const NAMES[] = {
		") R 1 1 1 (", "a b", "((", "))", "", "x) S 9 9", "\n"
	};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
		_cleanup_free_ char *text = line(NAMES[i], 'D');
		struct procstat st;

		cr_assert(procstat_parse(text, &st), "%s", NAMES[i]);
		cr_assert_str_eq(st.comm, NAMES[i]);
		cr_assert_eq(st.state, 'D');
		cr_assert_eq(st.ppid, 7);
	}
}

Test(procstat, a_long_name_is_cut)
{
	_cleanup_free_ char *text = line("0123456789abcdefghij", 'S');
	struct procstat st;

	cr_assert(procstat_parse(text, &st));
	cr_assert_str_eq(st.comm, "0123456789abcde");
}

Test(procstat, an_old_kernel_has_fewer_fields)
{
	_cleanup_free_ char *text = line("sh", 'S');
	struct procstat st;

	*strstr(text, " 140737488352000") = '\0';
	cr_assert(procstat_parse(text, &st));
	cr_assert_eq(st.exit_code, -1);
	cr_assert_eq(st.arg_start, 0);
}

Test(procstat, every_cut_is_refused_or_read)
{
	_cleanup_free_ char *text = line("s h)", 'S');
	struct procstat st = { .pid = 99 };
	size_t whole = strlen(text);

	for (size_t n = 0; n < whole; n++) {
		_cleanup_free_ char *cut = xstrndup(text, n);

		if (procstat_parse(cut, &st))
			cr_assert_eq(st.pid, 42);
		else
			cr_assert(st.pid == 99 || st.pid == 42);
	}
	cr_assert_not(procstat_parse("42 (sh) S x 42\n", &st));
	cr_assert_not(procstat_parse("(sh) S 1 42\n", &st));
	cr_assert_not(procstat_parse("42 )sh( S 1 42\n", &st));
}

Test(procstat, stamps_tell_that_a_thread_ran)
{
	uint64_t a, b, c;

	cr_assert(procstat_stamp("1000 5 7\n", &a));
	cr_assert(procstat_stamp("1001 5 7\n", &b));
	cr_assert(procstat_stamp("1000 9 7\n", &c));
	cr_assert_neq(a, b);
	cr_assert_eq(a, c, "waiting for a CPU is not running");
	cr_assert(procstat_stamp("1000 5 8\n", &b));
	cr_assert_neq(a, b);
	cr_assert_not(procstat_stamp("1000 5\n", &a));
	cr_assert_not(procstat_stamp("", &a));
	cr_assert(procstat_stamp_status(
		"voluntary_ctxt_switches:\t4\nnonvoluntary_ctxt_switches:\t1\n", &a));
	cr_assert_eq(a, 5);
	cr_assert_not(procstat_stamp_status("voluntary_ctxt_switches:\t4\n", &a));
}

Test(procstat, a_blocked_system_call)
{
	struct snap_task t = { .state = 'S' };

	procstat_syscall("61 0xffffffffffffffff 0x7ffd 0x0 0x1 0x2 0x3 0x7ffc10 0x7f55\n", &t);
	cr_assert(t.has_syscall);
	cr_assert_not(t.in_fault);
	cr_assert_eq(t.nr, SYS_wait4);
	cr_assert_eq(t.args[0], UINT64_MAX);
	cr_assert_eq(t.args[5], 3);
	cr_assert_eq(t.sp, 0x7ffc10);
	cr_assert_eq(t.pc, 0x7f55);
	cr_assert_not(t.compat);
	procstat_syscall("1073741824 0x0 0x0 0x0 0x0 0x0 0x0 0x1 0x2\n", &t);
	cr_assert(t.compat, "x32 has a table of its own");
}

Test(procstat, no_system_call)
{
	struct snap_task t = { .state = 'D', .has_syscall = true, .nr = 3 };

	procstat_syscall("-1 0x7ffc10 0x7f55\n", &t);
	cr_assert_not(t.has_syscall);
	cr_assert(t.in_fault);
	cr_assert_eq(t.pc, 0x7f55);
	t.state = 'T';
	procstat_syscall("-1 0x7ffc10 0x7f55\n", &t);
	cr_assert_not(t.in_fault, "stopped while it computed");
	procstat_syscall("running\n", &t);
	cr_assert_not(t.has_syscall);
	cr_assert_eq(t.pc, 0);
}

Test(procstat, broken_system_calls_are_none)
{
	static const char *const BROKEN[] = {
		"",	  "61", "61 0x1 0x2 0x3",	  "61 1 2 3 4 5 6 7", "-1",
		"-1 0x5", "0x", "99999999999999999999999"
	};

	for (size_t i = 0; i < sizeof(BROKEN) / sizeof(BROKEN[0]); i++) {
		struct snap_task t = { .state = 'S' };

		procstat_syscall(BROKEN[i], &t);
		cr_assert_not(t.has_syscall, "%s", BROKEN[i]);
		cr_assert_not(t.in_fault, "%s", BROKEN[i]);
	}
}

Test(procstat, our_own_files)
{
	char text[4096];
	struct procstat st;
	uint64_t stamp;

	cr_assert_gt(procfs_slurp(AT_FDCWD, "/proc/self/stat", text, sizeof(text)), 0);
	cr_assert(procstat_parse(text, &st));
	cr_assert_eq(st.pid, getpid());
	cr_assert_eq(st.ppid, getppid());
	cr_assert_eq(st.state, 'R');
	cr_assert_neq(st.start_stack, 0);
	cr_assert_gt(procfs_slurp(AT_FDCWD, "/proc/self/schedstat", text, sizeof(text)), 0);
	cr_assert(procstat_stamp(text, &stamp));
}

Test(procstat, what_a_stat_line_does_not_tell_is_unknown)
{
	struct snap_process p = { .io_bytes = 5 };
	struct procstat st = { .pid = 7, .ppid = 1, .state = 'S', .exit_code = 0, .comm = "x" };

	procstat_process(&st, &p);
	cr_assert_eq(p.tgid, 7);
	cr_assert_eq(p.exit_code, -1, "it has none while it lives");
	cr_assert_eq(p.io_bytes, SNAP_UNKNOWN_U64);
	cr_assert_eq(p.posix_timers, UINT32_MAX);
	st.state = 'Z';
	st.exit_code = 256;
	procstat_process(&st, &p);
	cr_assert_eq(p.exit_code, 256);
}
