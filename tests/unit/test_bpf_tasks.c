/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/bpf/bpf_tasks.h"

#include <criterion/criterion.h>
#include <sys/syscall.h>

Test(bpf_tasks, letters_are_those_of_stat)
{
	cr_expect_eq(bpf_state_letter(0, 0), 'R');
	cr_expect_eq(bpf_state_letter(1, 0), 'S');
	cr_expect_eq(bpf_state_letter(2, 0), 'D');
	cr_expect_eq(bpf_state_letter(0x102, 0), 'D'); /* TASK_KILLABLE */
	cr_expect_eq(bpf_state_letter(0x402, 0), 'I');
	cr_expect_eq(bpf_state_letter(4, 0), 'T');
	cr_expect_eq(bpf_state_letter(8, 0), 't');
	cr_expect_eq(bpf_state_letter(0x80, 0x20), 'Z');
	cr_expect_eq(bpf_state_letter(0x80, 0x10), 'X');
	cr_expect_eq(bpf_state_letter(0x8000, 0), 'D'); /* TASK_FROZEN */
}

Test(bpf_tasks, restarts_are_told_by_their_registers)
{
	struct ev_task t = { .nr = 219, .restart_ref = 1, .args = { 0x7000, 3, 0 } };

	t.restart[0] = 0x7000; /* poll: ufds; nfds 3, has_timeout 1; seconds, nanoseconds */
	t.restart[1] = 1ull << 32 | 3;
	t.restart[2] = 5;
	t.restart[3] = 7;
	cr_expect_eq(bpf_restart_deadline(&t), 5000000007);
	t.restart[1] = 3;
	cr_expect_eq(bpf_restart_deadline(&t), 0, "poll without a timeout");

	t = (struct ev_task){ .nr = 219, .restart_ref = 1, .args = { 0x7000, 0x80, 77 } };
	t.restart[0] = 0x7000; /* futex: uaddr; val, flags; bitset; time */
	t.restart[1] = 77;
	t.restart[3] = 4242;
	cr_expect_eq(bpf_restart_deadline(&t), 4242);

	t = (struct ev_task){ .nr = 219, .restart_ref = 1, .args = { 0x6000, 0x6000 } };
	t.restart[0] = 1; /* nanosleep: clock and type; rmtp; expires */
	t.restart[1] = 0x6000;
	t.restart[2] = 999;
	cr_expect_eq(bpf_restart_deadline(&t), 999);
	t.nr = SYS_read;
	cr_expect_eq(bpf_restart_deadline(&t), 0, "of no other call");
}
