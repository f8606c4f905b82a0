/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/unwind.h"

#include "lib/unit_child.h"
#include "lib/unit_stack.h"

#include <alloca.h>
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
	int count, size;
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

/*
 * From *own on the frames are those that the child told of from *from on: below are leaf(), what
 * it called to tell (with a sanitizer that is more than one) and what it is blocked in. How many.
 */
static uint32_t align(const struct unwind_frame *frames, uint32_t n, uint32_t *own, int *from)
{
	for (*from = 1; *from < 4; (*from)++)
		for (*own = 0; *own < 6 && *own < n; (*own)++)
			if (frames[*own].pc == (uintptr_t)told->at[*from])
				return n - *own;
	return 0;
}

static void compare_with_told(struct unwinder *u, const struct unwind_frame *frames, uint32_t n,
			      const struct unwind_result *result)
{
	uint32_t own, same;
	int from;

	same = align(frames, n, &own, &from);
	if (!same || same != (uint32_t)(told->count - from))
		unit_stack_print(u, frames, n, result);
	cr_assert_gt(same, 0u);
	cr_assert_eq(same, (uint32_t)(told->count - from));
	for (uint32_t i = 0; i < same; i++)
		cr_assert_eq(frames[own + i].pc, (uintptr_t)told->at[from + (int)i], "frame %u",
			     own + i);
	cr_assert_eq(frames[0].how, FRAME_FIRST);
	cr_assert(frames[0].exact);
}

/* Walk the child, which is in pause() below leaf(), and compare with what it told. */
static void check_against_told(struct unwinder *u, int32_t tgid)
{
	struct unwind_frame frames[MAX_FRAMES];
	struct unwind_result result;
	uint32_t n = unit_stack_walk(u, tgid, frames, MAX_FRAMES, &result);

	compare_with_told(u, frames, n, &result);
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

/* Of a process with a thread in D state all is read by workers, and the maps as a whole. */
Test(unwind, a_suspicious_process)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_frame frames[MAX_FRAMES];
	struct unwind_result result;
	struct unit_stack stack;
	int depth = 100;
	int32_t tgid;
	uint32_t n;

	share();
	tgid = child_start(run_chain, &depth);
	child_wait_syscall(tgid, tgid, SYS_pause);
	unit_stack_take(tgid, tgid, &stack);
	stack.s.suspicious = true;
	stack.s.byte_count = 64;
	n = unwind_thread(u, &stack.s, frames, MAX_FRAMES, &result);
	compare_with_told(u, frames, n, &result);
	child_end(tgid);
}

Test(unwind, libunwind_agrees)
{
	check_chain(true, 0);
	check_chain(true, 100);
}

/* Its size is not known to the compiler: it needs a frame pointer. */
__attribute__((noinline)) static int with_frame_pointer(int n)
{
	char *bytes = alloca((size_t)told->size + (size_t)n);

	memset(bytes, n, (size_t)told->size);
	__asm__ volatile("" : : "r"(bytes) : "memory");
	return (n > 0 ? with_frame_pointer(n - 1) : middle(n)) + bytes[n];
}

static void run_frame_pointers(void *arg)
{
	with_frame_pointer(*(int *)arg);
}

/* What the procfs reader knows: sp and pc, and the frames say that the rest is a guess. */
Test(unwind, frame_pointers_that_are_not_known)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_frame frames[MAX_FRAMES];
	struct unwind_result result;
	struct unit_stack stack;
	uint32_t n, guesses = 0;
	int depth = 3;
	int32_t tgid;

	share();
	told->size = 300;
	tgid = child_start(run_frame_pointers, &depth);
	child_wait_syscall(tgid, tgid, SYS_pause);
	unit_stack_take(tgid, tgid, &stack);
	stack.s.known = STACK_KNOWN_SP_PC;
	n = unwind_thread(u, &stack.s, frames, MAX_FRAMES, &result);
	compare_with_told(u, frames, n, &result);
	for (uint32_t i = 0; i < n; i++)
		guesses += frames[i].how == FRAME_GUESS;
	cr_assert_geq(guesses, 1u);
	child_end(tgid);
}

/* ---- signals, wrong addresses, threads ------------------------------------------------------- */

static void handler(int signo)
{
	(void)signo;
	told->count = backtrace(told->at, MAX_FRAMES);
	pause();
}

static void on_other_stack(void *arg)
{
	static char memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };

	(void)arg;
	sigaltstack(&stack, NULL);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
}

Test(unwind, through_a_handler_on_another_stack)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_frame frames[MAX_FRAMES];
	struct unwind_result result;
	bool signal = false;
	int32_t tgid;
	uint32_t n;

	share();
	tgid = child_start(on_other_stack, NULL);
	child_wait_syscall(tgid, tgid, SYS_pause);
	check_against_told(u, tgid);
	n = unit_stack_walk(u, tgid, frames, MAX_FRAMES, &result);
	for (uint32_t i = 0; i + 1 < n; i++)
		if (frames[i].signal) {
			signal = true;
			cr_assert(frames[i + 1].exact);
		}
	cr_assert(signal);
	cr_assert_eq(result.end, UNWIND_OUTERMOST);
	child_end(tgid);
}

static void (*volatile nowhere)(void);

static void call_nowhere(void *arg)
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(SIGSEGV, &action, NULL);
	nowhere();
	told->count = *(int *)arg; /* no tail call, please */
}

/* The caller of address 0 is on top of the stack; backtrace() of glibc stops there. */
Test(unwind, through_a_call_of_null)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_frame frames[MAX_FRAMES];
	struct unwind_result result;
	struct unwind_name name;
	int32_t tgid, zero = 0;
	uint32_t n, at = 0;

	share();
	tgid = child_start(call_nowhere, &zero);
	child_wait_syscall(tgid, tgid, SYS_pause);
	n = unit_stack_walk(u, tgid, frames, MAX_FRAMES, &result);
	while (at < n && frames[at].pc)
		at++;
	cr_assert_lt(at + 1, n);
	cr_assert(frames[at].exact);
	cr_assert(frames[at - 1].signal);
	cr_assert_eq(frames[at + 1].how, FRAME_CALLED);
	unwinder_name(u, &frames[at + 1], &name);
	cr_assert_str_eq(name.function, "call_nowhere");
	cr_assert_eq(result.end, UNWIND_OUTERMOST);
	child_end(tgid);
}

/* A return address into code of ours that has CFI: just behind a call in middle(). */
static uint64_t some_return_address(void)
{
	void *at[8];
	int n = backtrace(at, 8);

	cr_assert_gt(n, 1);
	return (uintptr_t)at[1];
}

/*
 * The parent in vfork(): its return address is in a register and it has no frame. ptrace(2) cannot
 * stop it, so its registers are made up here.
 */
Test(unwind, a_caller_that_is_only_in_a_register)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct snap_stack s = { .tgid = getpid(), .tid = getpid(), .known = STACK_KNOWN_SP_PC };
	struct unwind_frame frames[4];
	struct unwind_result result;
	const uint8_t *code = (const uint8_t *)(uintptr_t)vfork;
	uint32_t at = 0;

	/*
	 * glibc, sysdeps/unix/sysv/linux/x86_64/vfork.S: popq %rdi; movl $SYS_vfork, %eax; syscall
	 */
	while (at < 64 && !(code[at] == 0x0f && code[at + 1] == 0x05))
		at++;
	if (at == 64)
		cr_skip_test("another vfork()");
	s.regs[STACK_PC] = (uintptr_t)code + at;
	s.regs[STACK_RSP] = (uintptr_t)__builtin_frame_address(0);
	s.regs[STACK_RDI] = some_return_address();
	s.known |= 1u << STACK_RDI;
	cr_assert_geq(unwind_thread(u, &s, frames, 4, &result), 2u);
	cr_assert_eq(frames[1].pc, s.regs[STACK_RDI]);
	cr_assert_eq(frames[0].cfa, s.regs[STACK_RSP]);
}

/* ---- stacks that lie ------------------------------------------------------------------------- */

/* All words of the stack are the same: it ends, whatever they are. */
static void check_garbage(uint64_t word, uint64_t bp)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	static struct unwind_frame frames[UNWIND_MAX_FRAMES];
	static uint64_t words[1024];
	struct snap_stack s = { .tgid = getpid(), .tid = getpid(), .known = STACK_KNOWN_ALL };
	struct unwind_result result;
	uint32_t n;

	for (uint32_t i = 0; i < 1024; i++)
		words[i] = word;
	s.regs[STACK_PC] = some_return_address();
	s.regs[STACK_RSP] = 0x1000; /* not mapped: what is not in `bytes` cannot be read */
	s.regs[STACK_RBP] = bp;
	s.bytes = (const uint8_t *)words;
	s.byte_count = sizeof(words);
	n = unwind_thread(u, &s, frames, UNWIND_MAX_FRAMES, &result);
	cr_assert_geq(n, 1u);
	cr_assert_neq(result.end, 0);
	cr_assert_str_neq(unwind_end_name(result.end), "unknown");
	for (uint32_t i = 0; i + 1 < n; i++)
		cr_assert_geq(frames[i].cfa, 0x1000u);
}

Test(unwind, stacks_of_garbage_end)
{
	check_garbage(0, 0);
	check_garbage(UINT64_MAX, UINT64_MAX);
	check_garbage(some_return_address(), 0x1008);
	check_garbage(0x1008, 0x1008);
	check_garbage(0x1010, 0x1010);
	check_garbage((uintptr_t)pause, 0x1100);
}

Test(unwind, says_why_it_cannot_begin)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct snap_stack s = { .tgid = 0x7ffffff0, .tid = 1, .known = STACK_KNOWN_SP_PC };
	struct unwind_frame frames[4];
	struct unwind_result result;

	s.regs[STACK_PC] = s.regs[STACK_RSP] = 0x1000;
	cr_assert_eq(unwind_thread(u, &s, frames, 4, &result), 1u);
	cr_assert_eq(result.end, UNWIND_NO_MODULES);
	cr_assert_str_eq(result.reason, "the process is gone");
	s.known = 0;
	cr_assert_eq(unwind_thread(u, &s, frames, 4, &result), 0u);
	cr_assert_eq(result.end, UNWIND_NO_REGISTERS);
	s.compat = true;
	cr_assert_eq(unwind_thread(u, &s, frames, 4, &result), 0u);
	cr_assert_eq(result.end, UNWIND_COMPAT);
}

Test(unwind, no_more_frames_than_there_is_room_for)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_frame frames[8] = { 0 };
	struct unwind_result result;
	int depth = 100;
	int32_t tgid;

	share();
	tgid = child_start(run_chain, &depth);
	child_wait_syscall(tgid, tgid, SYS_pause);
	cr_assert_eq(unit_stack_walk(u, tgid, frames, 7, &result), 7u);
	cr_assert_eq(result.end, UNWIND_LIMIT);
	cr_assert_eq(frames[7].pc, 0u);
	child_end(tgid);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

/* Volatile: a loop that is unrolled would make a place to return to of each round. */
static volatile int processes = 4;

Test(unwind, processes_share_what_they_run)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_stats stats[2]; /* after the first process, and after all of them */
	int32_t tgid[4];
	int depth = 3;

	for (int i = 0; i < processes; i++) {
		share();
		tgid[i] = child_start(run_chain, &depth);
		child_wait_syscall(tgid[i], tgid[i], SYS_pause);
		check_against_told(u, tgid[i]);
		unwinder_stats(u, &stats[i != 0]);
	}
	cr_assert_eq(stats[1].processes, 4u);
	cr_assert_eq(stats[1].files, stats[0].files);
	cr_assert_eq(stats[1].row_misses, stats[0].row_misses, "not a row more");
	cr_assert_eq(stats[1].bytes_read, stats[0].bytes_read, "not a byte more");
	unwinder_begin(u);
	unwinder_begin(u);
	unwinder_stats(u, &stats[1]);
	cr_assert_eq(stats[1].processes, 0u, "nobody asked");
	for (int i = 0; i < processes; i++)
		child_end(tgid[i]);
}

/* A mapping that is replaced between two looks: the second one sees the new one. */
Test(unwind, what_is_mapped_is_read_again)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct snap_stack s = { .tgid = getpid(), .tid = getpid(), .known = STACK_KNOWN_SP_PC };
	struct unwind_frame frames[4];
	struct unwind_result result;
	struct unwind_name name;
	char *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(at, MAP_FAILED);
	s.regs[STACK_PC] = (uintptr_t)at + 16;
	s.regs[STACK_RSP] = 0x1000;
	cr_assert_eq(unwind_thread(u, &s, frames, 4, &result), 1u);
	unwinder_name(u, &frames[0], &name);
	cr_assert_str_eq(name.module, "[anon]");
	munmap(at, 4096);
	unwinder_begin(u);
	cr_assert_eq(unwind_thread(u, &s, frames, 4, &result), 1u);
	cr_assert_eq(frames[0].file, 0u);
	unwinder_name(u, &frames[0], &name);
	cr_assert_null(name.module);
	cr_assert_not_null(name.missing);
}
