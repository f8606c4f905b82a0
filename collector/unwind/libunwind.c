/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The other way to walk: libunwind over accessors of our own. It knows other machines than x86-64
 * and is a second opinion on this one. It reads .eh_frame by way of .eh_frame_hdr only, caches
 * nothing that two processes could share, and does not say how it found a frame.
 */
#include "unwind/walk.h"

#include <errno.h>
#include <libunwind.h>
#include <string.h>

enum { HDR_TABLE = 12, TABLE_ENTRY = 8, SDATA4_DATAREL = 0x3b };

/* The library's own search in a table; libunwind-ptrace and perf(1) use it, no header has it. */
#define search_table UNW_OBJ(dwarf_search_unwind_table)
extern int search_table(unw_addr_space_t as, unw_word_t ip, unw_dyn_info_t *di, unw_proc_info_t *pi,
			int need_unwind_info, void *arg);

static struct code_file *file_at(struct walk *w, uint64_t addr, uint64_t *bias)
{
	const struct module_area *a = modules_find(w->modules, addr);

	if (!a || !a->file)
		return NULL;
	*bias = a->bias;
	return files_get(w->files, a->file);
}

static int find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need,
			  void *arg)
{
	struct walk *w = arg;
	uint64_t bias = 0;
	struct code_file *f = file_at(w, ip, &bias);
	const struct elf_range *hdr = f && f->elf ? &f->elf->frame_hdr : NULL;
	const uint8_t *at = hdr && hdr->size >= HDR_TABLE ? elf_at(f->elf, hdr->addr, HDR_TABLE) :
							    NULL;
	unw_dyn_info_t di = { .format = UNW_INFO_FORMAT_REMOTE_TABLE };
	uint32_t count;

	if (!at || at[3] != SDATA4_DATAREL)
		return -UNW_ENOINFO;
	memcpy(&count, at + 8, sizeof(count));
	if (!count || count > (hdr->size - HDR_TABLE) / TABLE_ENTRY)
		return -UNW_ENOINFO;
	di.start_ip = 0;
	di.end_ip = UINT64_MAX;
	di.u.rti.segbase = hdr->addr + bias;
	di.u.rti.table_data = hdr->addr + bias + HDR_TABLE;
	di.u.rti.table_len = (uint64_t)count * TABLE_ENTRY / sizeof(unw_word_t);
	return search_table(as, ip, &di, pi, need, arg);
}

static void put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
	(void)as, (void)pi, (void)arg;
}

static int get_dyn_info_list_addr(unw_addr_space_t as, unw_word_t *addr, void *arg)
{
	(void)as, (void)addr, (void)arg;
	return -UNW_ENOINFO;
}

/* Of the stack as it was copied; of code and tables from the file, not from the process. */
static int access_mem(unw_addr_space_t as, unw_word_t addr, unw_word_t *value, int write, void *arg)
{
	struct walk *w = arg;
	uint64_t bias = 0, in_stack = addr - w->stack->regs[STACK_RSP];
	const uint8_t *at = NULL;
	struct code_file *f;

	(void)as;
	if (write)
		return -UNW_EINVAL;
	if (in_stack >= w->stack->byte_count) {
		f = file_at(w, addr, &bias);
		at = f && f->elf ? elf_at(f->elf, addr - bias, sizeof(*value)) : NULL;
	}
	if (at)
		memcpy(value, at, sizeof(*value));
	else if (walk_read(w, addr, value, sizeof(*value)) < 0)
		return -UNW_EINVAL;
	return 0;
}

static int access_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write,
		      void *arg)
{
	struct walk *w = arg;

	(void)as;
	if (write || reg < 0 || reg >= STACK_REGS || !(w->stack->known & 1u << reg))
		return -UNW_EBADREG;
	*value = w->stack->regs[reg];
	return 0;
}

static int access_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write,
			void *arg)
{
	(void)as, (void)reg, (void)value, (void)write, (void)arg;
	return -UNW_EBADREG;
}

static int resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	(void)as, (void)cursor, (void)arg;
	return -UNW_EINVAL;
}

static unw_accessors_t accessors = {
	.find_proc_info = find_proc_info,
	.put_unwind_info = put_unwind_info,
	.get_dyn_info_list_addr = get_dyn_info_list_addr,
	.access_mem = access_mem,
	.access_reg = access_reg,
	.access_fpreg = access_fpreg,
	.resume = resume,
};

/* The frame that the cursor stands at. False: it ends here. */
static bool take_frame(struct walk *w, unw_cursor_t *c)
{
	const struct module_area *area;
	unw_word_t pc, sp;

	if (unw_get_reg(c, UNW_REG_IP, &pc) < 0 || unw_get_reg(c, UNW_REG_SP, &sp) < 0)
		return walk_end(w, UNWIND_LOST_REGISTER, NULL);
	if (!pc && w->count)
		return walk_end(w, UNWIND_ZERO, NULL);
	if (w->count)
		w->frames[w->count - 1].cfa = sp;
	w->regs[STACK_PC] = pc;
	area = modules_find(w->modules, pc - !w->exact);
	if (!walk_add(w, area && area->exec ? area : NULL))
		return false;
	w->how = FRAME_PORTABLE;
	w->exact = unw_is_signal_frame(c) > 0;
	w->frames[w->count - 1].signal = w->exact;
	return true;
}

void walk_with_libunwind(struct walk *w)
{
	unw_addr_space_t as = unw_create_addr_space(&accessors, 0);
	unw_cursor_t c;
	int rc = as ? unw_init_remote(&c, as, w) : -UNW_ENOMEM;

	while (rc >= 0 && take_frame(w, &c)) {
		rc = unw_step(&c);
		if (rc == 0)
			walk_end(w, UNWIND_OUTERMOST, NULL);
		if (rc <= 0)
			break;
	}
	if (rc < 0)
		walk_end(w, UNWIND_BAD_CFI, unw_strerror(rc));
	if (as)
		unw_destroy_addr_space(as);
}
