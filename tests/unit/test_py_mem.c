/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_mem.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

struct source {
	uint32_t reads;
	int rc; /* of pages from 0x10000 on */
};

static int give(void *arg, uint64_t page, void *buf)
{
	struct source *s = arg;

	s->reads++;
	memset(buf, (int)(page >> 12), PY_MEM_PAGE);
	return page >= 0x10000 ? s->rc : 0;
}

Test(py_mem, a_page_is_read_once)
{
	struct source s = { .rc = -EFAULT };
	_cleanup_py_mem_ struct py_mem *m = py_mem_new(give, &s);
	uint8_t buf[16];

	cr_assert(py_mem_read(m, 0x1ff8, buf, sizeof(buf)));
	cr_assert_eq(buf[0], 1);
	cr_assert_eq(buf[15], 2);
	cr_assert_eq(py_mem_u8(m, 0x1000), 1);
	cr_assert_eq(py_mem_u32(m, 0x2000), 0x02020202);
	cr_assert_eq(py_mem_u64(m, 0x2000), 0x0202020202020202);
	cr_assert_eq(s.reads, 2);
	cr_assert_eq(py_mem_count(m), 2);
}

struct keeper {
	uint8_t page[PY_MEM_PAGE];
	uint32_t finds;
};

static int find(void *arg, uint64_t page, const uint8_t **ret)
{
	struct keeper *k = arg;

	k->finds++;
	*ret = k->page;
	return page == 0x1000 ? 0 : -EFAULT;
}

Test(py_mem, a_page_that_is_kept_is_not_copied)
{
	static struct keeper k;
	_cleanup_py_mem_ struct py_mem *m = py_mem_borrow(find, &k);

	cr_assert_eq(py_mem_u8(m, 0x1004), 0);
	k.page[4] = 7;
	cr_assert_eq(py_mem_u8(m, 0x1004), 7);
	cr_assert_eq(k.finds, 1);
	cr_assert_eq(py_mem_u8(m, 0x2004), 0);
	cr_assert_eq(py_mem_u8(m, 0x2004), 0);
	cr_assert_eq(k.finds, 2);
}

Test(py_mem, what_is_not_there_is_asked_for_once)
{
	struct source s = { .rc = -EFAULT };
	_cleanup_py_mem_ struct py_mem *m = py_mem_new(give, &s);
	uint8_t buf[16];

	for (int i = 0; i < 3; i++) {
		cr_assert_not(py_mem_read(m, 0xfff8, buf, sizeof(buf)));
		cr_assert_eq(py_mem_upto(m, 0xfff8, buf, sizeof(buf)), 8);
		cr_assert_eq(py_mem_u64(m, 0x10000), 0);
	}
	cr_assert_eq(s.reads, 2);
	cr_assert_eq(py_mem_failed(m), 0);
	cr_assert_not(py_mem_read(m, 0, buf, 1), "NULL");
	cr_assert_not(py_mem_read(m, UINT64_MAX - 3, buf, 16), "around the end");
}

Test(py_mem, who_is_gone_is_not_asked_again)
{
	struct source s = { .rc = -ESRCH };
	_cleanup_py_mem_ struct py_mem *m = py_mem_new(give, &s);

	cr_assert_eq(py_mem_u64(m, 0x10000), 0);
	cr_assert_eq(py_mem_u64(m, 0x1000), 0);
	cr_assert_eq(py_mem_failed(m), -ESRCH);
	cr_assert_eq(s.reads, 1);
}

Test(py_mem, a_page_that_does_not_come_is_one_page)
{
	struct source s = { .rc = -ETIMEDOUT };
	_cleanup_py_mem_ struct py_mem *m = py_mem_new(give, &s);

	cr_assert_eq(py_mem_u64(m, 0x10000), 0);
	cr_assert_eq(py_mem_u64(m, 0x10008), 0);
	cr_assert_eq(py_mem_failed(m), -ETIMEDOUT);
	cr_assert_eq(s.reads, 1);
	cr_assert_neq(py_mem_u64(m, 0x1000), 0);
	cr_assert_eq(s.reads, 2);
}

Test(py_mem, no_process_gets_all_memory)
{
	struct source s = { .rc = 0 };
	_cleanup_py_mem_ struct py_mem *m = py_mem_new(give, &s);

	for (uint64_t i = 0; i < PY_MEM_PAGES + 10; i++)
		py_mem_u8(m, 0x100000 + i * PY_MEM_PAGE);
	cr_assert_eq(py_mem_count(m), PY_MEM_PAGES);
}
