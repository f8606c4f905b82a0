/* SPDX-License-Identifier: BSD-2-Clause */
/* Walks where unwind information does not reach, over stacks that are made up, and that lie. */
#include "unwind/unwind.h"

#include "lib/unit_child.h"
#include "lib/unit_fuse.h"
#include "lib/unit_stack.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WORDS = 512, CODE_SIZE = 8192 };

/* Nothing is mapped there: what is not among the words of the stack cannot be read. */
static const uint64_t STACK_AT = 0x1000;

/* A stack of this process that never was. */
struct made_up {
	struct unwinder *u;
	struct snap_stack s;
	uint64_t words[WORDS];
	struct unwind_frame frames[64];
	struct unwind_result result;
	uint32_t count;
};

static uint64_t at(uint32_t word)
{
	return STACK_AT + 8ull * word;
}

static void begin(struct made_up *m, uint64_t pc, uint64_t bp)
{
	memset(m, 0, sizeof(*m));
	m->u = unwinder_new(&(struct unwind_opts){ 0 });
	m->s = (struct snap_stack){ .tgid = getpid(), .tid = getpid(), .known = STACK_KNOWN_ALL };
	m->s.regs[STACK_PC] = pc;
	m->s.regs[STACK_RSP] = STACK_AT;
	m->s.regs[STACK_RBP] = bp;
	m->s.bytes = (const uint8_t *)m->words;
	m->s.byte_count = sizeof(m->words);
}

static void walk(struct made_up *m)
{
	unwinder_begin(m->u);
	m->count = unwind_thread(m->u, &m->s, m->frames, 64, &m->result);
	unit_stack_print(m->u, m->frames, m->count, &m->result);
}

/* Executable memory without a file, as a compiler at run time makes it. No call is in it. */
static uint64_t made_code(void)
{
	void *code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(code, MAP_FAILED);
	memset(code, 0x90, CODE_SIZE);
	return (uintptr_t)code;
}

/* Where a function that has unwind information was called. */
static uint64_t after_call(void)
{
	void *pcs[8];

	cr_assert_gt(backtrace(pcs, 8), 1);
	return (uintptr_t)pcs[1];
}

/* ---- made code ------------------------------------------------------------------------------- */

/* An interpreter that pushes the return address and jumps: no call is before it. */
Test(guess, a_chain_in_made_code)
{
	static struct made_up m;
	uint64_t code = made_code();

	begin(&m, code + 100, at(4));
	m.words[4] = at(10);
	m.words[5] = code + 200;
	m.words[10] = at(30);
	m.words[11] = code + 300;
	walk(&m);
	cr_assert_eq(m.count, 3u);
	cr_assert_eq(m.frames[1].pc, code + 200);
	cr_assert_eq(m.frames[1].how, FRAME_POINTER);
	cr_assert_eq(m.frames[1].cfa, at(12));
	cr_assert_eq(m.frames[2].pc, code + 300);
	cr_assert_eq(m.result.end, UNWIND_ZERO);
	unwinder_free(m.u);
}

/* Zeros end a chain; a register that points at zeros by accident was none. */
Test(guess, zeros_that_end_nothing)
{
	static struct made_up m;

	begin(&m, made_code() + 100, at(4));
	walk(&m);
	cr_assert_eq(m.count, 1u);
	cr_assert_eq(m.result.end, UNWIND_NO_CFI);
	unwinder_free(m.u);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static void check_loop(uint32_t first, uint32_t second, uint32_t most)
{
	static struct made_up m;
	uint64_t code = made_code();

	begin(&m, code + 100, at(first));
	m.words[first] = at(second);
	m.words[first + 1] = code + 200;
	m.words[second] = at(first);
	m.words[second + 1] = code + 300;
	walk(&m);
	cr_assert_leq(m.count, most);
	cr_assert_neq(m.result.end, UNWIND_LIMIT);
	unwinder_free(m.u);
}

Test(guess, frame_pointers_in_a_circle)
{
	check_loop(4, 4, 1);
	check_loop(4, 20, 2);
	check_loop(20, 4, 1);
}

/* Where handlers return to, as the kernel was told: struct kernel_sigaction has it third. */
static uint64_t restorer(void)
{
	uint64_t action[4] = { 0 };

	signal(SIGUSR1, SIG_IGN);
	cr_assert_eq(syscall(SYS_rt_sigaction, SIGUSR1, NULL, action, sizeof(uint64_t)), 0);
	return action[2];
}

/* It interrupted itself, says the saved context: registers begin at byte 40, rsp and pc last. */
Test(guess, a_handler_that_returns_to_itself)
{
	static struct made_up m;
	uint64_t code = restorer();

	begin(&m, code, 0);
	m.words[5 + 15] = STACK_AT;
	m.words[5 + 16] = code;
	walk(&m);
	cr_assert_lt(m.count, 64u);
	cr_assert_eq(m.result.end, UNWIND_LOOP);
	unwinder_free(m.u);
}

/* ---- a caller whom the child has overwritten ------------------------------------------------- */

/* As procfs has it: rdi, which holds the return address, is not known. */
Test(guess, the_caller_of_vfork)
{
	static struct made_up m;
	const uint8_t *code = (const uint8_t *)(uintptr_t)vfork;
	uint32_t i = 0;

	while (i < 64 && !(code[i] == 0x0f && code[i + 1] == 0x05))
		i++;
	if (i == 64)
		cr_skip_test("another vfork()");
	begin(&m, (uintptr_t)code + i, 0);
	m.s.known = STACK_KNOWN_SP_PC;
	m.s.regs[STACK_RSP] = (uintptr_t)&m.words[8];
	m.s.byte_count = 0;
	walk(&m);
	cr_assert_eq(m.count, 1u, "no call of anybody's is there");
	cr_assert_eq(m.result.end, UNWIND_LOST_REGISTER);
	m.words[7] = after_call();
	walk(&m);
	cr_assert_geq(m.count, 2u);
	cr_assert_eq(m.frames[1].pc, m.words[7]);
	cr_assert_eq(m.frames[1].how, FRAME_GUESS);
	cr_assert_eq(m.frames[0].cfa, (uintptr_t)&m.words[8]);
	unwinder_free(m.u);
}

/* ---- memory that is not there ---------------------------------------------------------------- */

Test(guess, a_stack_that_is_not_mapped)
{
	static struct made_up m;

	begin(&m, after_call(), 0x1000);
	m.s.byte_count = 0;
	walk(&m);
	cr_assert_eq(m.count, 1u);
	cr_assert_eq(m.result.end, UNWIND_NO_MEMORY);
	cr_assert_str_eq(m.result.reason, "it is not mapped");
	unwinder_free(m.u);
}

/* A page that a userfaultfd serves, and nobody does. */
static void hold_unserved(void *page)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)page, 4096 },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &reg) < 0)
		return;
	pause();
}

Test(guess, a_stack_that_never_comes)
{
	static struct made_up m;
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int probe = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	int32_t child;

	if (probe < 0)
		cr_skip_test("userfaultfd: %s", strerror(errno));
	close(probe);
	child = child_start(hold_unserved, page);
	child_wait_syscall(child, child, SYS_pause);
	begin(&m, after_call(), (uintptr_t)page);
	m.s.tgid = m.s.tid = child;
	m.s.regs[STACK_RSP] = (uintptr_t)page;
	m.s.byte_count = 0;
	walk(&m);
	cr_assert_eq(m.count, 1u);
	cr_assert_eq(m.result.end, UNWIND_NO_MEMORY);
	cr_assert_str_eq(m.result.reason, "the page did not come");
	child_end(child); /* lets go of the worker that reads it */
	unwinder_free(m.u);
}

/* ---- a module that never comes --------------------------------------------------------------- */

static int told[2];

static void map_code(void *dir)
{
	char path[64];
	void *code;
	int fd;

	snprintf(path, sizeof(path), "%s/f", (const char *)dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (fd < 0 || code == MAP_FAILED || write(told[1], &code, sizeof(code)) != sizeof(code))
		return;
	pause();
}

/* Code of a file whose server does not answer: what is above is guessed, and the reason is told. */
Test(guess, code_on_a_file_system_that_hangs)
{
	static struct made_up m;
	char dir[] = "/tmp/snag-fuse-XXXXXX";
	struct unwind_name name;
	int32_t server, child;
	uint64_t code;

	cr_assert_not_null(mkdtemp(dir));
	if (!fuse_mount(dir, &server)) {
		rmdir(dir);
		cr_skip_test("FUSE: %s", strerror(errno));
	}
	cr_assert_eq(pipe(told), 0);
	child = child_start(map_code, dir);
	cr_assert_eq(read(told[0], &code, sizeof(code)), (ssize_t)sizeof(code));
	child_wait_syscall(child, child, SYS_pause);
	begin(&m, code + 16, 0x1000);
	m.s.tgid = m.s.tid = child;
	walk(&m);
	cr_assert_eq(m.count, 1u);
	cr_assert_eq(m.result.end, UNWIND_NO_FILE);
	cr_assert_not_null(m.result.reason);
	unwinder_name(m.u, &m.frames[0], &name);
	cr_assert_null(name.function);
	cr_assert_str_eq(name.missing, m.result.reason);
	cr_assert_not_null(strstr(name.module, "/f"));
	child_end(server);
	child_end(child);
	rmdir(dir);
	unwinder_free(m.u);
}
