/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.h - memory of another process, read without stopping it and without ever getting stuck.
 *
 * A read of a page that is backed by userfaultfd or FUSE, or of a process whose mmap_lock is held
 * by a thread stuck in the kernel, would block the reader too (killable only). So: a page that
 * /proc/P/pagemap calls present, of a process without a thread in D state, is read directly with
 * process_vm_readv(2); everything else is read by a worker thread with a deadline, which is
 * abandoned when it does not come back. The page read last is kept: make a new `struct mem` to
 * see memory as it is now.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "read/deadline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem;

enum { MEM_PAGE = 4096 };

/* Access to the memory of `tgid`; `suspicious`: one of its threads is in D state. Never NULL. */
struct mem *mem_new(int32_t tgid, bool suspicious);

/* Free it. NULL is fine. */
void mem_free(struct mem *m);
DEFINE_GUARD(mem)
#define _cleanup_mem_ _cleanup_(mem_free_guard)

/*
 * Exactly `len` bytes at `addr`. -EPERM not allowed, -ESRCH gone, -EFAULT not mapped, -ETIMEDOUT
 * the page did not come (userfault, FUSE, a held mmap_lock). On failure `buf` is unspecified.
 */
SNAG_MUST_CHECK
int mem_read(struct mem *m, uint64_t addr, void *buf, size_t len);

/*
 * As mem_read(), but -EAGAIN when that takes more than a copy: a page is not in memory or not
 * mapped at all, or the process is suspicious.
 */
SNAG_MUST_CHECK
int mem_read_present(struct mem *m, uint64_t addr, void *buf, size_t len);

/*
 * Those of `count` pages for which a copy is enough, see mem_read_present(), in few calls: bytes of
 * pages[i] to bufs[i], and got[i] says whether they are there. Best in order of their addresses.
 */
void mem_read_pages(struct mem *m, const uint64_t *pages, uint32_t count, uint8_t *const *bufs,
		    bool *got);

/* Who reads: as mem_read(), from whatever it takes for memory. */
typedef int mem_read_fn(void *from, uint64_t addr, void *buf, size_t len);

/*
 * A text that ends with 0, at most `size` - 1 bytes of it, terminated. No page behind its end is
 * read: it may be the last thing that is mapped. 0 or what `read` gives.
 */
SNAG_MUST_CHECK
int mem_read_text(mem_read_fn *read, void *from, uint64_t addr, char *buf, size_t size);
