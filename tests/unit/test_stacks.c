/* SPDX-License-Identifier: BSD-2-Clause */
/* The program over stacks, by itself: what the kernel writes into the slots. */
#include "probe/stacks.h"

#include "lib/unit_bpf.h"
#include "lib/unit_child.h"
#include "lib/unit_park.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct stack_probe *ready(void)
{
	struct stack_probe *p = stack_probe_new(NULL);
	struct snag_error err;

	bpf_or_skip(stack_probe_ready(p, &err), &err);
	return p;
}

Test(stacks, a_slot_tells_of_its_thread_only)
{
	_cleanup_stack_probe_ struct stack_probe *p = ready();
	struct park *park = park_new(2);
	int32_t a = child_start(park_here, &park[0]), b = child_start(park_here, &park[1]);
	struct snag_error err;

	child_wait_syscall(a, a, SYS_pause);
	child_wait_syscall(b, b, SYS_pause);
	stack_probe_slot(p, 0)->tid = a;
	stack_probe_slot(p, 1)->tid = INT32_MAX;
	stack_probe_slot(p, 2)->tid = b;
	stack_probe_slot(p, 3)->tid = a;
	stack_probe_slot(p, 3)->flags = 0;
	cr_assert_eq(stack_probe_run(p, 3, true, &err), 0, "%s", err.text);
	cr_expect(stack_probe_slot(p, 0)->flags & EV_STACK_USER);
	cr_expect_eq(stack_probe_slot(p, 0)->regs[3], park[0].rbx);
	cr_expect_eq(stack_probe_slot(p, 1)->flags, 0);
	cr_expect_eq(stack_probe_slot(p, 2)->regs[3], park[1].rbx);
	cr_expect_eq(memcmp(stack_probe_bytes(p, 0), &park[0].top, 8), 0);
	cr_expect_eq(memcmp(stack_probe_bytes(p, 2), &park[1].top, 8), 0);
	cr_expect_eq(stack_probe_slot(p, 3)->flags, 0, "a slot behind the last one was written");
}

Test(stacks, bytes_end_with_the_page_after_the_stack_pointer)
{
	_cleanup_stack_probe_ struct stack_probe *p = ready();
	struct park *park = park_new(1);
	int32_t child = child_start(park_here, park);
	const struct ev_stack *e = stack_probe_slot(p, 0);
	struct snag_error err;

	child_wait_syscall(child, child, SYS_pause);
	stack_probe_slot(p, 0)->tid = child;
	cr_assert_eq(stack_probe_run(p, 1, true, &err), 0, "%s", err.text);
	cr_assert_eq(e->bytes, EV_STACK_COPIED);
	cr_expect_gt(e->byte_count, 4096 - 8);
	cr_expect_leq(e->byte_count, EV_STACK_BYTES);
	cr_expect_eq((park->sp + e->byte_count) % 4096, 0);
	cr_assert_eq(stack_probe_run(p, 1, false, &err), 0, "%s", err.text);
	cr_expect_eq(e->bytes, EV_STACK_NOT_ASKED);
	cr_expect_eq(e->byte_count, 0);
}
