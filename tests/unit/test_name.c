/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of functions, and lines of source. */
#include "unwind/name/symbols.h"

#include "base/alloc.h"
#include "lib/unit_elf.h"
#include "unwind/name/lines.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const uint8_t FUNC_GLOBAL = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
static const uint8_t FUNC_WEAK = ELF64_ST_INFO(STB_WEAK, STT_FUNC);
static const uint8_t FUNC_LOCAL = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
static const uint8_t PLAIN_LOCAL = ELF64_ST_INFO(STB_LOCAL, STT_NOTYPE);
static const uint8_t OBJECT = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);

/* A file of those symbols; release with drop(). */
static struct code_file *take(struct unit_elf *e)
{
	struct code_file *f = xcalloc(1, sizeof(*f));

	unit_elf_finish(e);
	f->path = xstrdup("/nowhere/file");
	f->elf = elf_file_new(unit_elf_bytes(e));
	cr_assert_null(f->elf->missing);
	cfi_section_init(&f->eh, f->elf);
	unit_elf_release(e);
	return f;
}

static void drop(struct code_file *f)
{
	symbols_free(f->symbols);
	cfi_section_release(&f->eh);
	elf_file_free(f->elf);
	free(f->path);
	free(f);
}

static void check(struct code_file *f, uint64_t addr, bool exact, const char *want, uint64_t offset)
{
	struct unwind_name name = { .offset = 0 };

	symbols_name(f, false, addr, exact, &name);
	if (!want) {
		cr_assert_null(name.function, "%s", name.function);
		cr_assert_not_null(name.missing);
		return;
	}
	cr_assert_not_null(name.function, "at %#llx: %s", (unsigned long long)addr, name.missing);
	cr_assert_str_eq(name.function, want);
	cr_assert_eq(name.offset, offset);
}

Test(name, the_symbol_that_holds_the_address)
{
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;

	unit_elf_symbol(&e, "first", 0x401000, 0x10, FUNC_GLOBAL);
	unit_elf_symbol(&e, "second", 0x401010, 0x10, FUNC_LOCAL);
	unit_elf_symbol(&e, "inner", 0x401014, 4, FUNC_LOCAL);
	unit_elf_symbol(&e, "data", 0x401040, 0x10, OBJECT);
	f = take(&e);
	for (int round = 0; round < 2; round++) {
		check(f, 0x401000, true, "first", 0);
		check(f, 0x40100f, true, "first", 0xf);
		check(f, 0x401010, true, "second", 0);
		check(f, 0x401010, false, "first", 0x10);
		check(f, 0x401013, true, "second", 3);
		check(f, 0x401014, true, "inner", 0);
		check(f, 0x401018, true, "second", 8);
		check(f, 0x401020, true, NULL, 0);
		check(f, 0x401044, true, NULL, 0);
		check(f, 0x400fff, true, NULL, 0);
		check(f, 0x500000, true, NULL, 0);
	}
	drop(f);
}

/* Functions of some KiB, of many, and one that claims all there is. */
Test(name, the_symbol_that_begins_far_before)
{
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;

	unit_elf_symbol(&e, "long", 0x4013f0, 0x2020, FUNC_GLOBAL);
	unit_elf_symbol(&e, "longer", 0x404000, 0x10000, FUNC_LOCAL);
	unit_elf_symbol(&e, "last", 0x413ff0, 0x10, FUNC_LOCAL);
	unit_elf_symbol(&e, "greedy", 0x420000, UINT64_MAX, FUNC_LOCAL);
	unit_elf_symbol(&e, "end", UINT64_MAX - 0xff, 0x10, FUNC_LOCAL);
	f = take(&e);
	check(f, 0x4013ef, true, NULL, 0);
	check(f, 0x4013f0, true, "long", 0);
	check(f, 0x4013ff, true, "long", 0xf);
	check(f, 0x401400, true, "long", 0x10);
	check(f, 0x402fff, true, "long", 0x1c0f);
	check(f, 0x40340f, true, "long", 0x201f);
	check(f, 0x403410, true, NULL, 0);
	check(f, 0x412345, true, "longer", 0xe345);
	check(f, 0x413fff, true, "last", 0xf);
	check(f, 0x414000, true, NULL, 0);
	check(f, 0x420000 + 0xfffffffeull, true, "greedy", 0xfffffffe);
	check(f, UINT64_MAX - 0xf8, true, "end", 7);
	drop(f);
}

/* A dozen together, one by one, and with an index: the answers are the same. */
Test(name, of_those_that_are_expected)
{
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;
	char name[16];

	for (uint32_t i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		unit_elf_symbol(&e, name, 0x401000 + 0x40 * (uint64_t)i, i % 3 ? 0x40 : 0x20,
				FUNC_LOCAL);
	}
	f = take(&e);
	for (uint32_t round = 0; round < 8; round++)
		for (uint32_t i = round; i < 3000; i += 300)
			symbols_expect(f, false, 0x401000 + 0x40 * (uint64_t)i + round, true);
	for (uint32_t round = 0; round < 16; round++)
		for (uint32_t i = round; i < 3000; i += 300) {
			snprintf(name, sizeof(name), "f%u", i);
			check(f, 0x401000 + 0x40 * (uint64_t)i + round, true, name, round);
			check(f, 0x401000 + 0x40 * (uint64_t)i + 0x30, true, i % 3 ? name : NULL,
			      0x30);
		}
	drop(f);
}

/* Only the names that are asked for are read, and one that does not end is none. */
Test(name, of_any_length)
{
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;
	char name[3000];

	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	unit_elf_symbol(&e, name, 0x401000, 0x10, FUNC_GLOBAL);
	unit_elf_symbol(&e, "cut", 0x402000, 0x10, FUNC_GLOBAL);
	f = take(&e);
	check(f, 0x401004, true, name, 4);
	for (uint32_t i = 0; i < f->elf->section_count; i++)
		if (strcmp(f->elf->sections[i].name, ".strtab") == 0)
			f->elf->sections[i].size--;
	symbols_free(f->symbols);
	f->symbols = NULL;
	check(f, 0x401004, true, name, 4);
	check(f, 0x402004, true, NULL, 0);
	drop(f);
}

Test(name, of_many_names_the_plain_one)
{
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;

	unit_elf_symbol(&e, "__GI___libc_read", 0x401000, 0x10, FUNC_LOCAL);
	unit_elf_symbol(&e, "__libc_read", 0x401000, 0x10, FUNC_GLOBAL);
	unit_elf_symbol(&e, "read", 0x401000, 0x10, FUNC_WEAK);
	unit_elf_symbol(&e, "__read", 0x401000, 0x10, FUNC_WEAK);
	f = take(&e);
	check(f, 0x401008, true, "read", 8);
	drop(f);
}

/* Assembler without sizes: a symbol is right only where its function is known to begin. */
Test(name, without_a_size_only_what_is_certain)
{
	/* clang-format off */
	static const uint8_t frame[] = {
		0x14, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1,
		0, 0x0c, 7, 8, 0x90, 1, 0, 0,
		0x1c, 0, 0, 0, 0x1c, 0, 0, 0, 0xff, 0x0f, 0x40, 0, 0, 0, 0, 0,
		0x20, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	/* clang-format on */
	struct unit_elf e = UNIT_ELF_INIT;
	struct unwind_name name = { .offset = 0 };
	struct code_file *f;

	unit_elf_section(&e, ".eh_frame", SHT_PROGBITS, frame, sizeof(frame));
	unit_elf_symbol(&e, "restore", 0x401000, 0, PLAIN_LOCAL);
	unit_elf_symbol(&e, "label", 0x401080, 0, PLAIN_LOCAL);
	f = take(&e);
	check(f, 0x401010, true, "restore", 0x10);
	check(f, 0x401080, true, "label", 0);
	check(f, 0x401088, true, NULL, 0);
	check(f, 0x401030, true, NULL, 0);
	drop(f);
	/* and without the symbol, the start is all that there is */
	e = (struct unit_elf)UNIT_ELF_INIT;
	unit_elf_section(&e, ".eh_frame", SHT_PROGBITS, frame, sizeof(frame));
	unit_elf_symbol(&e, "far", 0x400ff0, 4, FUNC_GLOBAL);
	f = take(&e);
	symbols_name(f, false, 0x401010, true, &name);
	cr_assert_null(name.function);
	cr_assert(name.from_fde);
	cr_assert_eq(name.start, 0x400fffu);
	cr_assert_eq(name.offset, 0x11u);
	drop(f);
}

static void check_pretty(const char *raw, const char *want)
{
	_cleanup_free_ char *pretty = symbols_demangle(raw);

	if (!want)
		cr_assert_null(pretty, "%s", pretty);
	else
		cr_assert_str_eq(pretty ? pretty : "(nothing)", want);
}

Test(name, as_it_was_written)
{
	check_pretty("_ZN4node12_GLOBAL__N_120PlatformWorkerThreadEPv",
		     "node::(anonymous namespace)::PlatformWorkerThread");
	check_pretty("_ZNSt6vectorIiSaIiEE9push_backERKi",
		     "std::vector<int, std::allocator<int> >::push_back");
	check_pretty("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
	check_pretty("_RNvC6_123foo3bar", "123foo::bar");
	check_pretty("main", NULL);
	check_pretty("_start", NULL);
	check_pretty("_Z", NULL);
	check_pretty("_ZN", NULL);
	check_pretty("", NULL);
}

/* A name whose text doubles with each of its letters: it is given up, not printed. */
Test(name, that_would_fill_the_memory)
{
	struct strbuf raw = STRBUF_INIT;
	char *pretty;

	strbuf_adds(&raw, "_Z1fSt4pairIiiE");
	for (int i = 0; i < 60; i++)
		strbuf_addf(&raw, "St4pairIS%c_S%c_E", i < 10 ? '0' + i : 'A' + (i - 10) % 26,
			    i < 10 ? '0' + i : 'A' + (i - 10) % 26);
	pretty = symbols_demangle(raw.s);
	cr_assert(!pretty || strlen(pretty) < 20000);
	free(pretty);
	strbuf_release(&raw);
}

/* ---- lines of this very file ----------------------------------------------------------------- */

__attribute__((noinline)) static uint64_t here(void)
{
	__asm__ volatile("");
	return (uintptr_t)__builtin_return_address(0);
}

enum { INLINED_LINE = __LINE__ + 4 };

__attribute__((always_inline)) static inline uint64_t inlined_function(uint64_t *more)
{
	uint64_t at = here();

	*more = at + 1;
	return at;
}

/* The frame of a return address in this process. */
static void frame_of(struct unwinder *u, uint64_t pc, struct unwind_frame *frame)
{
	struct snap_stack s = { .tgid = getpid(), .tid = getpid(), .known = STACK_KNOWN_SP_PC };
	struct unwind_result result;

	s.regs[STACK_PC] = pc;
	s.regs[STACK_RSP] = 0x1000;
	cr_assert_eq(unwind_thread(u, &s, frame, 1, &result), 1u);
	frame->exact = false;
}

Test(name, lines_and_what_was_inlined)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_line lines[8];
	struct unwind_frame frame;
	const char *missing;
	uint64_t more, pc;
	uint32_t n;

	frame_of(u, here(), &frame);
	n = unwinder_lines(u, &frame, lines, 8, &missing);
	cr_assert_eq(n, 1u, "%s", missing);
	cr_assert_eq(lines[0].line, (uint32_t)__LINE__ - 3);
	cr_assert_not_null(strstr(lines[0].file, "tests/unit/test_name.c"));
	pc = inlined_function(&more);
	frame_of(u, pc, &frame);
	n = unwinder_lines(u, &frame, lines, 8, &missing);
	cr_assert_eq(n, 2u, "%u", n);
	cr_assert_str_eq(lines[0].function, "inlined_function");
	cr_assert_eq(lines[0].line, (uint32_t)INLINED_LINE);
	cr_assert_null(lines[1].function);
	cr_assert_eq(lines[1].line, (uint32_t)__LINE__ - 7);
	cr_assert_neq(more, 0u);
}

Test(name, of_a_function_of_this_process)
{
	_cleanup_unwinder_ struct unwinder *u = unwinder_new(&(struct unwind_opts){ 0 });
	struct unwind_frame frame;
	struct unwind_name name;

	frame_of(u, (uintptr_t)frame_of + 1, &frame);
	unwinder_name(u, &frame, &name);
	cr_assert_str_eq(name.function, "frame_of");
	cr_assert_eq(name.offset, 1u);
	cr_assert_not_null(strstr(name.module, "unit"));
	frame_of(u, (uintptr_t)sysconf + 1, &frame);
	unwinder_name(u, &frame, &name);
	cr_assert_str_eq(name.function, "sysconf");
	cr_assert_not_null(strstr(name.module, "libc"));
}

Test(name, says_what_is_missing)
{
	struct unit_elf e = UNIT_ELF_INIT;
	struct code_file *f;
	struct unwind_line lines[2];
	const char *missing = NULL;

	unit_elf_symbol(&e, "f", 0x401000, 0x10, FUNC_GLOBAL);
	f = take(&e);
	f->separate_tried = true;
	cr_assert_eq(lines_find(f, 0x401000, lines, 2, &missing), 0u);
	cr_assert_str_eq(missing, "no debug information");
	lines_free(f->lines);
	drop(f);
}
