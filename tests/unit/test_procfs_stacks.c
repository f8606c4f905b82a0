/* SPDX-License-Identifier: BSD-2-Clause */
/* Stacks without any privilege, against what threads know of themselves. */
#include "read/proc/procfs_stacks.h"

#include "lib/unit_bpf.h"
#include "lib/unit_child.h"
#include "lib/unit_park.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

Test(procfs_stacks, stack_pointer_and_counter_of_a_sleeping_thread)
{
	_cleanup_reader_ struct reader *r = unit_reader("procfs");
	struct park *p = park_new(1);
	int32_t child = child_start(park_here, p);
	struct snap_stack s;
	uint64_t top;

	child_wait_syscall(child, child, SYS_pause);
	s = stack_of(r, child, child);
	cr_assert_eq(s.status, STACK_STABLE, "%s: %s", stack_status_name(s.status), s.why);
	cr_expect_eq(s.known, STACK_KNOWN_SP_PC);
	cr_expect_eq(s.regs[STACK_RSP], p->sp);
	cr_expect_eq(s.regs[STACK_PC], p->pc);
	cr_expect_eq(s.nr, SYS_pause);
	cr_assert_geq(s.byte_count, sizeof(top));
	memcpy(&top, s.bytes, sizeof(top));
	cr_expect_eq(top, p->top);
}

static void spin(void *arg)
{
	(void)arg;
	for (volatile uint64_t i = 0;; i++)
		;
}

Test(procfs_stacks, one_that_runs_has_no_registers)
{
	_cleanup_reader_ struct reader *r = unit_reader("procfs");
	int32_t child = child_start(spin, NULL);
	struct snap_stack s;

	child_wait_state(child, child, 'R');
	s = stack_of(r, child, child);
	cr_expect_eq(s.status, STACK_STALE);
	cr_expect_eq(s.known, 0);
}

static void leave(void *arg)
{
	(void)arg;
}

Test(procfs_stacks, the_dead_have_none)
{
	_cleanup_reader_ struct reader *r = unit_reader("procfs");
	_cleanup_snapshot_ struct snapshot *snap = snapshot_new();
	int32_t child = child_start(leave, NULL);
	struct stack_ask ask;
	struct snap_stack s;
	struct stack_batch b = { &ask, 1, true, &s, NULL };
	struct snag_error err;

	child_wait_state(child, child, 'Z');
	ask = stack_ask_for(child, child);
	cr_assert_eq(reader_stacks(r, snap, &b, &err), 0, "%s", err.text);
	cr_expect_eq(s.status, STACK_NONE);
	waitpid(child, NULL, 0);
	cr_assert_eq(reader_stacks(r, snap, &b, &err), 0, "%s", err.text);
	cr_expect_eq(s.status, STACK_GONE);
}

static void as_nobody(void *p)
{
	if (setgid(65534) < 0 || setuid(65534) < 0)
		_exit(1);
	park_here(p);
}

/* The question is asked by a process without any right over the parked one. */
static void ask_as_stranger(void *arg)
{
	struct stack_ask *ask = arg;
	struct snap_stack s;
	static uint8_t room[STACK_BYTES];
	struct stack_batch b = { ask, 1, true, &s, room };

	if (setgid(65533) < 0 || setuid(65533) < 0)
		_exit(1);
	procfs_stacks(&b);
	_exit(s.status == STACK_DENIED && !s.known ? 42 : 43);
}

Test(procfs_stacks, without_the_right_it_is_denied)
{
	struct park *p = park_new(1);
	int32_t child, stranger;
	struct stack_ask ask;
	int status;

	if (geteuid() != 0)
		cr_skip_test("needs two users");
	child = child_start(as_nobody, p);
	child_wait_syscall(child, child, SYS_pause);
	ask = stack_ask_for(child, child);
	stranger = child_start(ask_as_stranger, &ask);
	cr_assert_eq(waitpid(stranger, &status, 0), stranger);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	child_end(child); /* setuid(2) has undone that it dies with the test */
}

Test(procfs_stacks, kernel_functions_by_name)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct park *p = park_new(1);
	int32_t child = child_start(park_here, p);
	int rc;

	child_wait_syscall(child, child, SYS_pause);
	rc = procfs_kernel_stack(child, child, &text);
	if (geteuid() != 0) {
		cr_expect_eq(rc, -EPERM);
		return;
	}
	cr_assert_eq(rc, 0);
	cr_expect(strstr(strbuf_str(&text), "sys_pause+0x"), "%s", strbuf_str(&text));
	cr_expect(!strchr(strbuf_str(&text), '['));
	cr_expect(!strchr(strbuf_str(&text), '/'));
	cr_expect_eq(procfs_kernel_stack(INT32_MAX, INT32_MAX, &text), -ESRCH);
}
