/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/mem.h"

#include "base/alloc.h"
#include "read/proc/maps.h"
#include "read/proc/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	TIMEOUT_MS = 200,
	PAGE_SIZE = MEM_PAGE,
	WINDOW = 64, /* so many pages are asked about at once */
	BATCH = 64,  /* and so many are read at once */
};

/* Documentation/admin-guide/mm/pagemap.rst */
static const uint64_t PAGEMAP_PRESENT = 1ull << 63;

/* Where user memory ends on x86-64 with five levels; above it nothing is a user's. */
static const uint64_t USER_END = 1ull << 56;

struct mem {
	int32_t tgid;
	bool suspicious;
	bool stuck;    /* a read did not come back: do not try again */
	int pagemap;   /* -1 not open */
	uint64_t page; /* address of the page that is kept, or NO_PAGE */
	uint8_t kept[PAGE_SIZE];
	struct maps *maps; /* loaded when a page is not in memory */
	struct mounts *mounts;
};

static const uint64_t NO_PAGE = 1; /* no page begins there */

/* All of [addr, addr + len), which lies in one page. 0 or -errno. */
static int read_now(int32_t tgid, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { .iov_base = buf, .iov_len = len };
	struct iovec remote = { .iov_base = (void *)(uintptr_t)addr, .iov_len = len };
	ssize_t n = process_vm_readv(tgid, &local, 1, &remote, 1, 0);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EFAULT;
}

static bool is_present(int pagemap, uint64_t page)
{
	uint64_t entry;

	return pagemap >= 0 &&
	       pread(pagemap, &entry, sizeof(entry), (off_t)(page / PAGE_SIZE * sizeof(entry))) ==
		       sizeof(entry) &&
	       (entry & PAGEMAP_PRESENT);
}

static int open_pagemap(int32_t tgid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/pagemap", tgid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* One page, read by a worker. */
struct page_job {
	int32_t tgid;
	bool only_present;
	uint64_t page;
	uint8_t data[PAGE_SIZE];
};

static int page_worker(void *arg)
{
	struct page_job *job = arg;

	if (job->only_present) {
		_cleanup_close_ int pagemap = open_pagemap(job->tgid);

		if (!is_present(pagemap, job->page))
			return -EAGAIN;
	}
	return read_now(job->tgid, job->page, job->data, PAGE_SIZE);
}

/*
 * Does a page that is not in memory come from a server or a daemon? Its fault would not even be
 * killable (fs/fuse/dev.c request_wait_answer(), once the server has seen the request). 1 yes, 0
 * no, -errno.
 */
static int is_slow_file(struct mem *m, uint64_t page)
{
	const struct map_area *area;
	const struct mount *mount;
	int rc;

	if (!m->maps) {
		rc = maps_read(m->tgid, true, &m->maps, NULL);
		if (rc < 0)
			return rc;
		m->mounts = mounts_read(m->tgid);
	}
	area = maps_find(m->maps, page);
	if (!area)
		return -EFAULT;
	mount = area->ino ? mounts_find(m->mounts, area->dev) : NULL;
	return mount && mounts_is_slow(mount->type);
}

static int read_with_deadline(struct mem *m, uint64_t page)
{
	struct page_job *job;
	int rc;

	if (m->stuck)
		return -ETIMEDOUT;
	rc = is_slow_file(m, page);
	if (rc < 0) {
		m->stuck = rc == -ETIMEDOUT;
		return rc == -EACCES ? -EPERM : rc;
	}
	/* load_page() has just looked */
	if (rc && m->pagemap >= 0)
		return -ETIMEDOUT;
	job = xcalloc(1, sizeof(*job));
	job->tgid = m->tgid;
	job->page = page;
	job->only_present = rc;
	rc = deadline_call(page_worker, job, free, TIMEOUT_MS);
	if (rc == -ETIMEDOUT) {
		m->stuck = true;
		return rc;
	}
	memcpy(m->kept, job->data, PAGE_SIZE);
	free(job);
	return rc == -EAGAIN ? -ETIMEDOUT : rc;
}

struct mem *mem_new(int32_t tgid, bool suspicious)
{
	struct mem *m = xcalloc(1, sizeof(*m));

	m->tgid = tgid;
	m->suspicious = suspicious;
	m->page = NO_PAGE;
	/* Reading it takes the mmap_lock. */
	m->pagemap = suspicious ? -1 : open_pagemap(tgid);
	return m;
}

void mem_free(struct mem *m)
{
	if (!m)
		return;
	if (m->pagemap >= 0)
		close(m->pagemap);
	maps_free(m->maps);
	mounts_free(m->mounts);
	free(m);
}

static int load_page(struct mem *m, uint64_t page, bool may_wait)
{
	int rc;

	if (m->page == page)
		return 0;
	m->page = NO_PAGE;
	if (!m->suspicious && is_present(m->pagemap, page))
		rc = read_now(m->tgid, page, m->kept, PAGE_SIZE);
	else if (!may_wait)
		return -EAGAIN;
	else
		rc = read_with_deadline(m, page);
	if (!rc)
		m->page = page;
	return rc;
}

static int read_pages(struct mem *m, uint64_t addr, void *buf, size_t len, bool may_wait)
{
	uint8_t *to = buf;

	if (addr >= USER_END || len > USER_END - addr)
		return -EFAULT;
	while (len) {
		size_t offset = addr % PAGE_SIZE;
		size_t part = len < PAGE_SIZE - offset ? len : PAGE_SIZE - offset;
		int rc = load_page(m, addr - offset, may_wait);

		if (rc < 0)
			return rc;
		memcpy(to, m->kept + offset, part);
		to += part;
		addr += part;
		len -= part;
	}
	return 0;
}

int mem_read(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	return read_pages(m, addr, buf, len, true);
}

int mem_read_present(struct mem *m, uint64_t addr, void *buf, size_t len)
{
	return read_pages(m, addr, buf, len, false);
}

/* ---- many pages ------------------------------------------------------------------------------ */

/* Which of the pages from the first on are present, as far as one question goes: how many. */
static uint32_t ask_window(const struct mem *m, const uint64_t *pages, uint32_t count,
			   bool *present)
{
	uint64_t first = pages[0] / PAGE_SIZE, entries[WINDOW];
	uint32_t n = 1;
	uint64_t last;
	ssize_t len;

	while (n < count && pages[n] > pages[n - 1] && pages[n] / PAGE_SIZE - first < WINDOW)
		n++;
	last = pages[n - 1] / PAGE_SIZE - first;
	len = pread(m->pagemap, entries, (size_t)(last + 1) * sizeof(*entries),
		    (off_t)(first * sizeof(*entries)));
	for (uint32_t i = 0; i < n; i++) {
		uint64_t at = pages[i] / PAGE_SIZE - first;

		present[i] = len >= (ssize_t)((at + 1) * sizeof(*entries)) &&
			     (entries[at] & PAGEMAP_PRESENT);
	}
	return n;
}

/* Pages that are read in one call. */
struct page_batch {
	struct iovec local[BATCH], remote[BATCH];
	uint32_t which[BATCH], count;
};

/* They are present now; one that has gone meanwhile is left out. */
static void read_batch(int32_t tgid, struct page_batch *b, bool *got)
{
	for (uint32_t done = 0; done < b->count;) {
		ssize_t n = process_vm_readv(tgid, b->local + done, b->count - done,
					     b->remote + done, b->count - done, 0);
		uint32_t pages = n > 0 ? (uint32_t)n / PAGE_SIZE : 0;

		if (n < 0 && errno != EFAULT)
			break;
		for (uint32_t i = 0; i < pages && done + i < b->count; i++)
			got[b->which[done + i]] = true;
		/* it stops at the first one that cannot be read */
		done += pages + 1;
	}
	b->count = 0;
}

void mem_read_pages(struct mem *m, const uint64_t *pages, uint32_t count, uint8_t *const *bufs,
		    bool *got)
{
	struct page_batch b;

	b.count = 0;
	memset(got, 0, count * sizeof(*got));
	if (m->suspicious || m->pagemap < 0)
		return;
	for (uint32_t i = 0; i < count;) {
		bool present[WINDOW];
		uint32_t asked =
			ask_window(m, pages + i, count - i < WINDOW ? count - i : WINDOW, present);

		for (uint32_t k = 0; k < asked; k++, i++) {
			if (!present[k])
				continue;
			b.which[b.count] = i;
			b.local[b.count] = (struct iovec){ bufs[i], PAGE_SIZE };
			b.remote[b.count++] =
				(struct iovec){ (void *)(uintptr_t)pages[i], PAGE_SIZE };
			if (b.count == BATCH)
				read_batch(m->tgid, &b, got);
		}
	}
	read_batch(m->tgid, &b, got);
}

/* ---------------------------------------------------------------------------------------------- */

int mem_read_text(mem_read_fn *read, void *from, uint64_t addr, char *buf, size_t size)
{
	size_t done = 0;

	while (done + 1 < size) {
		size_t part = PAGE_SIZE - (addr + done) % PAGE_SIZE;
		int rc;

		if (part > size - 1 - done)
			part = size - 1 - done;
		rc = read(from, addr + done, buf + done, part);
		if (rc < 0)
			return rc;
		if (memchr(buf + done, '\0', part))
			return 0;
		done += part;
	}
	if (size)
		buf[size - 1] = '\0';
	return 0;
}
