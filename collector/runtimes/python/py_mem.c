/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_mem.h"

#include "base/alloc.h"
#include "base/map.h"
#include "base/vec.h"
#include "read/mem.h"

#include <errno.h>
#include <string.h>

static const uint32_t NOT_THERE = UINT32_MAX;
static const uint64_t NO_PAGE = 1; /* no page begins there */

/* An object and its type are on two pages, and those who follow pointers go to and fro. */
enum { NEAR = 128 };

struct near {
	uint64_t page;
	const uint8_t *data;
};

struct py_mem {
	int (*read)(void *arg, uint64_t page, void *buf);	    /* either this */
	int (*find)(void *arg, uint64_t page, const uint8_t **ret); /* or that */
	void *arg;
	VEC(const uint8_t *) pages; /* with `read`, ours */
	struct map by_addr;	    /* page -> its number, or NOT_THERE */
	struct near near[NEAR];	    /* used last, by number of page */
	int failed;
};

static int read_process(void *arg, uint64_t page, void *buf)
{
	return mem_read(arg, page, buf, PY_MEM_PAGE);
}

static struct py_mem *new (void *arg)
{
	struct py_mem *m = xcalloc(1, sizeof(*m));

	m->arg = arg;
	for (int i = 0; i < NEAR; i++)
		m->near[i].page = NO_PAGE;
	return m;
}

struct py_mem *py_mem_new(int (*read)(void *arg, uint64_t page, void *buf), void *arg)
{
	struct py_mem *m = new (arg);

	m->read = read;
	return m;
}

struct py_mem *py_mem_borrow(int (*find)(void *arg, uint64_t page, const uint8_t **ret), void *arg)
{
	struct py_mem *m = new (arg);

	m->find = find;
	return m;
}

struct py_mem *py_mem_of(struct mem *mem)
{
	return py_mem_new(read_process, mem);
}

void py_mem_free(struct py_mem *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; m->read && i < m->pages.count; i++)
		free((void *)m->pages.at[i]);
	vec_release(&m->pages);
	map_release(&m->by_addr);
	free(m);
}

/* A copy, or where somebody keeps it. 0 or -errno. */
static int get_page(struct py_mem *m, uint64_t page, const uint8_t **ret)
{
	_cleanup_free_ uint8_t *data = NULL;
	int rc;

	if (m->find)
		return m->find(m->arg, page, ret);
	data = xmalloc(PY_MEM_PAGE);
	rc = m->read(m->arg, page, data);
	if (rc == 0)
		*ret = steal(data);
	return rc;
}

static const uint8_t *load(struct py_mem *m, uint64_t page)
{
	const uint8_t *data = NULL;
	int rc;

	if ((m->failed && m->failed != -ETIMEDOUT) || m->pages.count >= PY_MEM_PAGES)
		return NULL;
	rc = get_page(m, page, &data);
	if (rc < 0) {
		map_put(&m->by_addr, page, NOT_THERE);
		/* a page that does not come says nothing of others; mem.h waits once for all */
		if (rc != -EFAULT)
			m->failed = rc;
		return NULL;
	}
	map_put(&m->by_addr, page, m->pages.count);
	*vec_push(&m->pages) = data;
	return data;
}

static const uint8_t *page_at(struct py_mem *m, uint64_t page)
{
	struct near *near = &m->near[page / PY_MEM_PAGE % NEAR];
	const uint8_t *data;
	uint32_t at;

	if (near->page == page)
		return near->data;
	if (map_find(&m->by_addr, page, &at))
		data = at == NOT_THERE ? NULL : m->pages.at[at];
	else
		data = load(m, page);
	if (data)
		*near = (struct near){ page, data };
	return data;
}

size_t py_mem_upto(struct py_mem *m, uint64_t addr, void *buf, size_t len)
{
	uint8_t *to = buf;
	size_t done = 0;

	if (addr < PY_MEM_PAGE || len > UINT64_MAX - addr)
		return 0;
	while (done < len) {
		size_t offset = (addr + done) % PY_MEM_PAGE, left = len - done;
		size_t part = left < PY_MEM_PAGE - offset ? left : PY_MEM_PAGE - offset;
		const uint8_t *data = page_at(m, addr + done - offset);

		if (!data)
			break;
		memcpy(to + done, data + offset, part);
		done += part;
	}
	return done;
}

bool py_mem_read(struct py_mem *m, uint64_t addr, void *buf, size_t len)
{
	return py_mem_upto(m, addr, buf, len) == len;
}

uint64_t py_mem_u64(struct py_mem *m, uint64_t addr)
{
	const struct near *near = &m->near[addr / PY_MEM_PAGE % NEAR];
	uint64_t offset = addr % PY_MEM_PAGE, v;

	/* nearly all that is read are pointers on a page that was read before */
	if (near->page == addr - offset && offset <= PY_MEM_PAGE - sizeof(v)) {
		memcpy(&v, near->data + offset, sizeof(v));
		return v;
	}
	return py_mem_read(m, addr, &v, sizeof(v)) ? v : 0;
}

uint32_t py_mem_u32(struct py_mem *m, uint64_t addr)
{
	uint32_t v;

	return py_mem_read(m, addr, &v, sizeof(v)) ? v : 0;
}

uint8_t py_mem_u8(struct py_mem *m, uint64_t addr)
{
	uint8_t v;

	return py_mem_read(m, addr, &v, sizeof(v)) ? v : 0;
}

int py_mem_failed(const struct py_mem *m)
{
	return m->failed;
}

uint32_t py_mem_count(const struct py_mem *m)
{
	return m->pages.count;
}
