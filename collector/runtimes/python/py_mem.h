/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_mem.h - memory of one interpreter at one instant: whole pages, each read once.
 *
 * Following pointers through an interpreter reads the same few hundred pages thousands of times.
 * What cannot be read is remembered too, and no process gets more than PY_MEM_PAGES of them. The
 * bytes come from a function, so that a test or a fuzzer can be the process.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem;
struct py_mem;

enum { PY_MEM_PAGE = 4096, PY_MEM_PAGES = 1 << 14 };

/* Nothing read yet. `read` fills `buf` with the page at `page`: 0 or -errno. Never NULL. */
struct py_mem *py_mem_new(int (*read)(void *arg, uint64_t page, void *buf), void *arg);

/*
 * As py_mem_new(), of pages that somebody keeps: `find` says where one is. It stays there until
 * py_mem_free(). Never NULL.
 */
struct py_mem *py_mem_borrow(int (*find)(void *arg, uint64_t page, const uint8_t **ret), void *arg);

/* The memory of a process; `mem` must outlive it. Never NULL. */
struct py_mem *py_mem_of(struct mem *mem);

/* Free it. NULL is fine. */
void py_mem_free(struct py_mem *m);
DEFINE_GUARD(py_mem)
#define _cleanup_py_mem_ _cleanup_(py_mem_free_guard)

/* Exactly `len` bytes at `addr`; false when they are not all there. */
SNAG_MUST_CHECK
bool py_mem_read(struct py_mem *m, uint64_t addr, void *buf, size_t len);

/*
 * As many of the `len` bytes at `addr` as are there: how many. For text of which only the
 * beginning may be mapped.
 */
size_t py_mem_upto(struct py_mem *m, uint64_t addr, void *buf, size_t len);

/* The word at `addr`; 0 when it cannot be read. */
uint64_t py_mem_u64(struct py_mem *m, uint64_t addr);
/* See py_mem_u64(). */
uint32_t py_mem_u32(struct py_mem *m, uint64_t addr);
/* See py_mem_u64(). */
uint8_t py_mem_u8(struct py_mem *m, uint64_t addr);

/*
 * What read() failed with last other than -EFAULT, or 0: the process is gone or denied, and nothing
 * more is read, or, -ETIMEDOUT, some page did not come.
 */
int py_mem_failed(const struct py_mem *m);

/* How many pages were read. */
uint32_t py_mem_count(const struct py_mem *m);
