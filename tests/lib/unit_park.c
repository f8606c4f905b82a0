/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_park.h"

#include "read/proc/procfs.h"
#include "read/proc/procstat.h"

#include <criterion/criterion.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct park *park_new(uint32_t count)
{
	void *p = mmap(NULL, count * sizeof(struct park), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(p, MAP_FAILED);
	return p;
}

/*
 * Below the red zone the top word, then the system call: sp and pc are those that the kernel will
 * return to. Every register that a caller may rely on gets a value of its own.
 */
static void park_in_pause(struct park *p)
{
	/* clang-format off */
	__asm__ volatile(
		"sub $128, %%rsp\n\t"
		"push %%rbp\n\t"
		"push %[top]\n\t"
		"mov %%rsp, %[sp]\n\t"
		"lea 1f(%%rip), %%rax\n\t"
		"mov %%rax, %[pc]\n\t"
		"mov %[rbx], %%rbx\n\t"
		"mov %[r12], %%r12\n\t"
		"mov %[r13], %%r13\n\t"
		"mov %[r14], %%r14\n\t"
		"mov %[r15], %%r15\n\t"
		"mov %[rbp], %%rbp\n\t"
		"mov %[nr], %%eax\n\t"
		"syscall\n"
		"1:\n\t"
		"add $8, %%rsp\n\t"
		"pop %%rbp\n\t"
		"add $128, %%rsp"
		: [sp] "=m"(p->sp), [pc] "=m"(p->pc)
		: "D"(p), [top] "m"(p->top), [rbx] "m"(p->rbx), [rbp] "m"(p->rbp),
		  [r12] "m"(p->r12), [r13] "m"(p->r13), [r14] "m"(p->r14), [r15] "m"(p->r15),
		  [nr] "i"(SYS_pause)
		: "rax", "rcx", "r11", "rbx", "r12", "r13", "r14", "r15", "memory");
	/* clang-format on */
}

void park_here(void *arg)
{
	struct park *p = arg;

	p->tid = gettid();
	p->top = 0x746f702d6f662d73ull + (uint64_t)p->tid;
	p->rbx = 0xb0b0000000000000ull + (uint64_t)p->tid;
	p->rbp = p->rbx + 1;
	p->r12 = p->rbx + 12;
	p->r13 = p->rbx + 13;
	p->r14 = p->rbx + 14;
	p->r15 = p->rbx + 15;
	syscall(SYS_arch_prctl, ARCH_GET_FS, &p->fs_base);
	park_in_pause(p);
}

struct stack_ask stack_ask_for(int32_t tgid, int32_t tid)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct procstat st;

	cr_assert_eq(procfs_read_of(&text, tgid, tid, "stat", NULL), 0);
	cr_assert(procstat_parse(strbuf_str(&text), &st));
	return (struct stack_ask){ .tgid = tgid, .tid = tid, .start_ticks = st.start_ticks };
}

struct snap_stack stack_of(struct reader *r, int32_t tgid, int32_t tid)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	struct stack_ask ask = stack_ask_for(tgid, tid);
	struct snap_stack out = { .status = STACK_UNKNOWN };
	struct stack_batch b = { .asks = &ask, .count = 1, .with_bytes = true, .out = &out };
	struct snag_error err;

	cr_assert_eq(reader_stacks(r, s, &b, &err), 0, "%s", err.text);
	return out;
}
