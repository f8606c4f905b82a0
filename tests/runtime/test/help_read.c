// SPDX-License-Identifier: BSD-2-Clause
#include "runtime/test/help_read.h"

#include <criterion/criterion.h>

#include <elf.h>
#include <link.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

void read_copy(uint64_t from, void *to, size_t n)
{
	struct iovec local = { .iov_base = to, .iov_len = n };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)from, .iov_len = n };

	cr_assert_eq(process_vm_readv(getpid(), &local, 1, &remote, 1, 0), (ssize_t)n);
}

uint64_t read_number(uint64_t at, struct snag_rt_field field)
{
	uint64_t value = 0;

	cr_assert_neq(field.how, SNAG_RT_ABSENT);
	if (field.how == SNAG_RT_INLINE)
		return at + field.offset;
	read_copy(at + field.offset, &value, field.bytes);
	return value;
}

void read_text(uint64_t at, struct snag_rt_field field, char *to)
{
	cr_assert_eq(field.how, SNAG_RT_TEXT);
	read_copy(at + field.offset, to, field.bytes);
	cr_assert_not_null(memchr(to, 0, field.bytes));
}

/* The note of the main program: its segment has several. */
static int find_note(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uint64_t at = info->dlpi_addr + ph->p_vaddr, end = at + ph->p_memsz;

		while (ph->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
			const ElfW(Nhdr) *note = (const void *)(uintptr_t)at;
			uint64_t name = at + sizeof(*note),
				 desc = name + ((note->n_namesz + 3) & ~3u);
			int64_t distance;

			at = desc + ((note->n_descsz + 3) & ~3u);
			if (note->n_type != SNAG_RT_NOTE_TYPE || note->n_namesz != 5 ||
			    strcmp((const char *)(uintptr_t)name, SNAG_RT_NOTE_NAME) != 0)
				continue;
			cr_assert_eq(note->n_descsz, 8);
			read_copy(desc, &distance, 8);
			*(uint64_t *)arg = desc + (uint64_t)distance;
			return 1;
		}
	}
	return 0;
}

void read_table(struct snag_rt *table)
{
	uint64_t at = 0;

	dl_iterate_phdr(find_note, &at);
	cr_assert_neq(at, 0, "no note");
	read_copy(at, table, sizeof(*table));
	cr_assert_eq(table->cookie, SNAG_RT_COOKIE);
	cr_assert_eq(table->size, sizeof(*table));
	cr_assert_eq(table->version, SNAG_RT_VERSION);
	cr_assert_str_eq(table->runtime, "grove");
}

/* The element after `at` (0: the first) of a circle in `owner`; 0 at the end. */
uint64_t read_next(uint64_t owner, const struct snag_rt_list *list, uint64_t at)
{
	uint64_t head = owner + list->head.offset, node = at ? at + list->node : head, next = 0;

	cr_assert_eq(list->shape, SNAG_RT_CIRCLE);
	read_copy(node + list->next, &next, sizeof(next));
	return next == head ? 0 : next - list->node;
}

uint64_t read_task(const struct snag_rt *t, uint64_t loop, const char *name)
{
	char is[256];

	for (uint64_t task = read_next(loop, &t->loop.tasks, 0); task;
	     task = read_next(loop, &t->loop.tasks, task)) {
		read_text(task, t->task.name, is);
		if (strcmp(is, name) == 0)
			return task;
	}
	return 0;
}
