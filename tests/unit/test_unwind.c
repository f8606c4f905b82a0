/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/unwind.h"

#include "lib/unit_child.h"
#include "lib/unit_stack.h"

#include <criterion/criterion.h>
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_FRAMES = 256 };

/* What the child says about itself before it blocks: return addresses, innermost first. */
struct told {
	int count;
	void *at[MAX_FRAMES];
};
static struct told *told;

static void share(void)
{
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(told, MAP_FAILED);
}

/* It never comes back, but the compiler must not know. */
__attribute__((noinline)) static int leaf(int n)
{
	told->count = backtrace(told->at, MAX_FRAMES);
	pause();
	return n + 1;
}

__attribute__((noinline)) static int middle(int n)
{
	return n > 0 ? middle(n - 1) * 3 + 1 : leaf(n) + 2;
}

__attribute__((noinline)) static int with_array(int n)
{
	char bytes[10000];

	memset(bytes, n, sizeof(bytes));
	__asm__ volatile("" : : "r"(bytes) : "memory");
	return middle(n) + bytes[n];
}

static void run_chain(void *arg)
{
	with_array(*(int *)arg);
}

/* Walk the child, which is in pause() below leaf(), and compare with what it told. */
static void check_against_told(struct unwinder *u, int32_t tgid)
{
	struct unwind_frame frames[MAX_FRAMES];
	struct unwind_result result;
	uint32_t n = unit_stack_walk(u, tgid, frames, MAX_FRAMES, &result);
	uint32_t own = 0;

	/* told->at[0] is in leaf(); our frames of leaf() and of pause() are below the rest */
	while (own < n && frames[own].pc != (uintptr_t)told->at[1])
		own++;
	if (own == n || n - own != (uint32_t)told->count - 1)
		unit_stack_print(u, frames, n, &result);
	cr_assert_lt(own, n);
	cr_assert_leq(own, 4u);
	cr_assert_eq(n - own, (uint32_t)told->count - 1);
	for (uint32_t i = own; i < n; i++)
		cr_assert_eq(frames[i].pc, (uintptr_t)told->at[i - own + 1], "frame %u", i);
	cr_assert_eq(frames[0].how, FRAME_FIRST);
	cr_assert(frames[0].exact);
}

static void check_chain(bool libunwind, int depth)
{
	struct unwind_opts opts = { .libunwind = libunwind };
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&opts);
	int32_t tgid;

	share();
	tgid = child_start(run_chain, &depth);
	child_wait_syscall(tgid, tgid, SYS_pause);
	check_against_told(u, tgid);
	child_end(tgid);
}

Test(unwind, equals_what_the_child_knows)
{
	check_chain(false, 0);
	check_chain(false, 100);
}

Test(unwind, libunwind_agrees)
{
	check_chain(true, 0);
	check_chain(true, 100);
}
