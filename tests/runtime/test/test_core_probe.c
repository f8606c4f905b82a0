/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_probe.c - USDT probes: they are there, with what they tell, and fire when it happens.
 *
 * A tracer finds them by the notes of the file, puts a breakpoint in the place of each no-op, and
 * reads the arguments where the note says they are. So does this test, in its own memory.
 */
#include <criterion/criterion.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "runtime/core/io.h"
#include "runtime/core/nursery.h"
#include "runtime/core/scope.h"
#include "runtime/core/task.h"
#include "runtime/core/tools.h"
#include "runtime/test/help_core.h"

TestSuite(core_probe, .init = help_begin, .fini = help_end);

enum { PROBES_MAX = 16, ARGS_MAX = 5, FIRED_MAX = 64, NOP = 0x90, BREAKPOINT = 0xcc };

struct probe {
	char name[32], args[128];
	uint8_t *at;
};

static struct probe probes[PROBES_MAX];
static int probe_count;

/* What a tracer saw; the texts are copied while they are there. */
static struct fired {
	const struct probe *probe;
	int64_t args[ARGS_MAX];
	char texts[ARGS_MAX][32];
} fired[FIRED_MAX];
static volatile int fired_count;

/* ---- the notes of the file ------------------------------------------------------------------- */

/* This program's own load address comes first. */
static int first_bias(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uintptr_t *)arg = info->dlpi_addr;
	return 1;
}

/* Three addresses (of the no-op, of .stapsdt.base, of a semaphore), provider, name, arguments. */
static void add_probe(const uint8_t *desc, uintptr_t base)
{
	uint64_t numbers[3];
	const char *provider = (const char *)desc + sizeof(numbers);
	const char *name = provider + strlen(provider) + 1;
	struct probe *probe = &probes[probe_count];

	memcpy(numbers, desc, sizeof(numbers));
	if (strcmp(provider, "snag") != 0)
		return;
	cr_assert_lt(probe_count++, PROBES_MAX);
	snprintf(probe->name, sizeof(probe->name), "%s", name);
	snprintf(probe->args, sizeof(probe->args), "%s", name + strlen(name) + 1);
	probe->at = (uint8_t *)(numbers[0] - numbers[1] + base);
}

static void read_notes(const uint8_t *at, const uint8_t *end, uintptr_t base)
{
	while (at + sizeof(Elf64_Nhdr) <= end) {
		const Elf64_Nhdr *note = (const void *)at;
		const uint8_t *desc = at + sizeof(*note) + (note->n_namesz + 3) / 4 * 4;

		if (note->n_type == 3 && strcmp((const char *)(note + 1), "stapsdt") == 0)
			add_probe(desc, base);
		at = desc + (note->n_descsz + 3) / 4 * 4;
	}
}

static const Elf64_Shdr *section(const uint8_t *file, const char *name)
{
	const Elf64_Ehdr *head = (const void *)file;
	const Elf64_Shdr *all = (const void *)(file + head->e_shoff);
	const char *names = (const char *)file + all[head->e_shstrndx].sh_offset;

	for (int i = 0; i < head->e_shnum; i++)
		if (strcmp(names + all[i].sh_name, name) == 0)
			return &all[i];
	return NULL;
}

static void find_probes(void)
{
	_grove_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	const Elf64_Shdr *notes, *base;
	uintptr_t bias = 0;
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0, "%m");
	uint8_t *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	cr_assert_neq(file, MAP_FAILED, "%m");
	notes = section(file, ".note.stapsdt");
	base = section(file, ".stapsdt.base");
	cr_assert(notes && base, "no USDT probes: sys/sdt.h was not there");
	dl_iterate_phdr(first_bias, &bias);
	read_notes(file + notes->sh_offset, file + notes->sh_offset + notes->sh_size,
		   base->sh_addr + bias);
	munmap(file, (size_t)st.st_size);
}

/* ---- arguments ------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int reg;
} registers[] = {
	{ "rax", REG_RAX },  { "rbx", REG_RBX },  { "rcx", REG_RCX },  { "rdx", REG_RDX },
	{ "rsi", REG_RSI },  { "rdi", REG_RDI },  { "rbp", REG_RBP },  { "rsp", REG_RSP },
	{ "r8", REG_R8 },    { "r9", REG_R9 },	  { "r10", REG_R10 },  { "r11", REG_R11 },
	{ "r12", REG_R12 },  { "r13", REG_R13 },  { "r14", REG_R14 },  { "r15", REG_R15 },
	{ "eax", REG_RAX },  { "ebx", REG_RBX },  { "ecx", REG_RCX },  { "edx", REG_RDX },
	{ "esi", REG_RSI },  { "edi", REG_RDI },  { "ebp", REG_RBP },  { "r8d", REG_R8 },
	{ "r9d", REG_R9 },   { "r10d", REG_R10 }, { "r11d", REG_R11 }, { "r12d", REG_R12 },
	{ "r13d", REG_R13 }, { "r14d", REG_R14 }, { "r15d", REG_R15 },
};

/* The register named at *p, and *p behind it. */
static int64_t read_register(const char **p, const ucontext_t *at)
{
	size_t length = strspn(*p, "abcdefghijklmnopqrstuvwxyz0123456789");

	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
		if (strlen(registers[i].name) != length ||
		    strncmp(registers[i].name, *p, length) != 0)
			continue;
		*p += length;
		return at->uc_mcontext.gregs[registers[i].reg];
	}
	abort(); /* a form of operand that is not known: the test has to learn it */
}

/* "-4@20(%rax)", "8@%rbx", "4@$1": as gas writes operands. */
static int64_t read_argument(const char **p, const ucontext_t *at)
{
	int bytes = (int)strtol(*p, (char **)p, 10), size = abs(bytes);
	int64_t value = 0, offset;

	if (*(*p)++ != '@')
		abort();
	if (**p == '$') {
		++*p;
		return strtoll(*p, (char **)p, 10);
	}
	offset = strtoll(*p, (char **)p, 10);
	if (**p == '(') {
		*p += 2;
		offset += read_register(p, at);
		if (**p == ',') { /* (%base,%index,scale), the last of which may be left out */
			int64_t index = (*p += 2, read_register(p, at));

			offset += index * (**p == ',' ? (++*p, strtoll(*p, (char **)p, 10)) : 1);
		}
		++*p;
		memcpy(&value, (const void *)offset, (size_t)size);
	} else {
		++*p;
		value = read_register(p, at);
	}
	if (size == 4)
		value = bytes < 0 ? (int32_t)value : (int64_t)(uint32_t)value;
	return value;
}

/* Which arguments are texts: probe.h says so. */
static bool is_text(const struct probe *probe, int i)
{
	return strcmp(probe->name, "cancel_request") == 0 ? i >= 3 : i == 2;
}

static void on_breakpoint(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *at = context;
	uint8_t *place = (uint8_t *)at->uc_mcontext.gregs[REG_RIP] - 1;

	(void)signal;
	(void)info;
	for (int i = 0; i < probe_count; i++) {
		struct fired *f = &fired[fired_count % FIRED_MAX];
		const char *p = probes[i].args;

		if (probes[i].at != place)
			continue;
		f->probe = &probes[i];
		for (int k = 0; k < ARGS_MAX && *p; k++, p += *p == ' ') {
			f->args[k] = read_argument(&p, at);
			if (is_text(f->probe, k))
				snprintf(f->texts[k], sizeof(f->texts[k]), "%s",
					 (const char *)f->args[k]);
		}
		fired_count++;
		return;
	}
	abort();
}

/* ---- attach ---------------------------------------------------------------------------------- */

static void put_byte(uint8_t *place, uint8_t was, uint8_t is)
{
	uintptr_t page = (uintptr_t)place & ~(uintptr_t)(getpagesize() - 1);

	cr_assert_eq(*place, was, "%#x", *place);
	cr_assert_eq(mprotect((void *)page, (size_t)getpagesize(),
			      PROT_READ | PROT_WRITE | PROT_EXEC),
		     0, "%m");
	*place = is;
	cr_assert_eq(mprotect((void *)page, (size_t)getpagesize(), PROT_READ | PROT_EXEC), 0, "%m");
}

static void attach(void)
{
	static char stack[1 << 16];
	const stack_t other = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = { .sa_sigaction = on_breakpoint,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK };

	cr_assert_eq(sigaltstack(&other, NULL), 0);
	cr_assert_eq(sigaction(SIGTRAP, &action, NULL), 0);
	for (int i = 0; i < probe_count; i++)
		put_byte(probes[i].at, NOP, BREAKPOINT);
}

static void detach(void)
{
	for (int i = 0; i < probe_count; i++)
		put_byte(probes[i].at, BREAKPOINT, NOP);
	signal(SIGTRAP, SIG_DFL);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static int be_cancelled(void *arg, struct grove_error *err)
{
	(void)arg;
	(void)err;
	return grove_sleep_forever();
}

static int cancel_one(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	(void)arg;
	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "victim", be_cancelled, NULL);
	cr_assert_eq(grove_checkpoint(), 0);
	grove_nursery_cancel(&nursery, "enough");
	return grove_nursery_exit(&nursery, 0, err);
}

/* The only time that this probe fired with this text as that argument. */
static const struct fired *once(const char *name, int arg, const char *text)
{
	const struct fired *found = NULL;

	for (int i = 0; i < fired_count; i++) {
		if (strcmp(fired[i].probe->name, name) != 0 ||
		    strcmp(fired[i].texts[arg], text) != 0)
			continue;
		cr_assert_null(found, "%s fired twice", name);
		found = &fired[i];
	}
	cr_assert_not_null(found, "%s did not fire", name);
	return found;
}

Test(core_probe, fire_with_what_happened)
{
	const struct fired *asked, *told, *ended;

#ifdef RUNNING_ON_VALGRIND
	if (RUNNING_ON_VALGRIND)
		cr_skip_test("valgrind does not see that code was changed");
#endif
	find_probes();
	cr_assert_eq(core_run(cancel_one, NULL), 0);
	cr_assert_eq(fired_count, 0, "nobody is attached");
	attach();
	cr_assert_eq(core_run(cancel_one, NULL), 0);
	detach();
	cr_assert_leq(fired_count, FIRED_MAX);

	asked = once("cancel_request", 4, "enough");
	cr_assert_eq(asked->args[0], gettid());
	cr_assert_eq(asked->args[2], GROVE_CANCEL_CALL);
	cr_assert_str_eq(asked->texts[3], "main");
	told = once("cancel_deliver", 2, "victim");
	cr_assert_eq(told->args[0], gettid());
	cr_assert_eq(told->args[3], asked->args[1], "the scope");
	ended = once("task_exit", 2, "victim");
	cr_assert_eq(ended->args[1], told->args[1], "the task");
	cr_assert_eq(ended->args[3], -ECANCELED);
	cr_assert(asked < told && told < ended, "in this order");

	int before = fired_count;
	cr_assert_eq(core_run(cancel_one, NULL), 0);
	cr_assert_eq(fired_count, before, "detached");
}
