/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_cfi.c - any bytes as .eh_frame, .debug_frame and expressions. The search ends, what it finds
 * holds the address, and expressions read nothing but what they are given.
 */
#include "unwind/cfi/cfi.h"

#include "base/alloc.h"
#include "unwind/cfi/expr.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_memory(void *arg, uint64_t addr, uint32_t len, uint64_t *value)
{
	(void)arg;
	if (len < 1 || len > 8)
		abort();
	*value = addr * 3;
	return addr % 5 ? 0 : -EFAULT;
}

static void evaluate(const struct cfi_rule *rule)
{
	static const uint64_t regs[STACK_REGS] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct expr_env env = { .regs = regs,
				.known = 0x100ff,
				.has_cfa = rule->reg != STACK_RSP,
				.read = read_memory };
	uint64_t value;
	int rc;

	if (rule->kind != CFI_EXPR && rule->kind != CFI_VAL_EXPR)
		return;
	rc = expr_run(rule->expr, rule->expr_len, &env, &value);
	if (rc != 0 && rc != -EBADMSG && rc != -ENODATA && rc != -EFAULT)
		abort();
}

static void search(struct cfi_section *s)
{
	for (uint64_t addr = 0; addr < 0x800; addr += 37) {
		struct cfi_fde fde;
		struct cfi_row row;

		if (cfi_find(s, addr, &fde) < 0)
			continue;
		if (addr < fde.start || addr >= fde.end)
			abort();
		if (cfi_run(&fde, addr, &row) < 0)
			continue;
		evaluate(&row.cfa);
		for (uint32_t i = 0; i < STACK_REGS; i++) {
			if (row.regs[i].reg != i || row.regs[i].from >= STACK_REGS)
				abort();
			evaluate(&row.regs[i]);
		}
	}
}

/*
 * A common part and a description of [0x100, 0x180) in front of a program: most inputs would never
 * get so far by themselves.
 */
static const uint8_t frame[] = {
	0x14, 0, 0, 0, 0, 0, 0, 0,    1, 'z', 'R', 0, 1, 0x78, 16, 1,	 3, 0x0c, 7, 8, 0x90,
	1,    0, 0, 0, 0, 0, 0, 0x1c, 0, 0,   0,   0, 1, 0,    0,  0x80, 0, 0,	  0, 0,
};
enum { FDE_LENGTH = 24, MAX_PROGRAM = 200 };

static uint8_t *with_frame(const uint8_t *data, size_t size, size_t *len)
{
	size_t program = size < MAX_PROGRAM ? size : MAX_PROGRAM;
	uint8_t *copy = xmalloc(sizeof(frame) + program);

	memcpy(copy, frame, sizeof(frame));
	memcpy(copy + sizeof(frame), data, program);
	copy[FDE_LENGTH] = (uint8_t)(13 + program);
	*len = sizeof(frame) + program;
	return copy;
}

static uint8_t *as_it_is(const uint8_t *data, size_t size, size_t *len)
{
	uint8_t *copy = xmalloc(size ? size : 1);

	memcpy(copy, data, size);
	*len = size;
	return copy;
}

/* The first byte says which form, whether there is a table in front, or only a program. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cfi_rule all = { .kind = CFI_VAL_EXPR, .expr = data, .expr_len = (uint32_t)size };
	struct elf_file file = { .load_count = 0 };
	struct cfi_section s;
	uint8_t *copy, how, table;
	size_t len;

	evaluate(&all);
	if (size < 2)
		return 0;
	how = data[0];
	table = how & 2 ? data[1] : 0;
	copy = (how & 4 ? with_frame : as_it_is)(data + 2, size - 2, &len);
	file.bytes = bytes_of_memory(copy, len);
	if (table < len)
		file.frame_hdr = (struct elf_range){ .size = table };
	file.frame = (struct elf_range){ .size = len };
	if (how & 1)
		cfi_section_init_debug(&s, &file, file.bytes, file.frame);
	else
		cfi_section_init(&s, &file);
	search(&s);
	cfi_section_release(&s);
	bytes_free(file.bytes);
	return 0;
}
