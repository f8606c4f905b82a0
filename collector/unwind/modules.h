/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * modules.h - what is mapped at an address of a process, and its memory.
 *
 * Since Linux 6.11 an ioctl of /proc/P/maps answers for one address (PROCMAP_QUERY), at a fraction
 * of what the whole file costs; older kernels, and processes with a thread stuck in the kernel,
 * give the whole file. Answers are kept for as long as their address space is known to be the same.
 */
#pragma once

#include "read/stack.h"
#include "unwind/elf/files.h"

struct module_cache;
struct modules;

/* A mapped range. */
struct module_area {
	uint64_t start, end; /* [start, end) */
	uint64_t bias;	     /* address in memory - bias = address as the file counts */
	uint32_t file;	     /* number in the table of files */
	bool exec, opened;
};

/* A cache over `files`, which must outlive it. Never NULL. */
struct module_cache *module_cache_new(struct files *files);

/* Free it. NULL is fine. */
void module_cache_free(struct module_cache *c);
DEFINE_GUARD(module_cache)
#define _cleanup_module_cache_ _cleanup_(module_cache_free_guard)

/*
 * A new instant: forget what no number vouches for, and processes that nobody asked for. The files
 * were refreshed by whoever owns them.
 */
void module_cache_begin(struct module_cache *c);

/* The address space of the thread's process. Never NULL; borrowed until the next begin. */
struct modules *module_cache_get(struct module_cache *c, const struct snap_stack *s);

/* How many processes are kept. */
uint32_t module_cache_count(const struct module_cache *c);

/* What is mapped at `addr`, or NULL. Its file is opened. Borrowed until the next call. */
const struct module_area *modules_find(struct modules *m, uint64_t addr);

/* Why nothing is known of the address space, a static string, or NULL. */
const char *modules_missing(const struct modules *m);

/* Memory of the process, see mem_read(). */
SNAG_MUST_CHECK
int modules_read(struct modules *m, uint64_t addr, void *buf, size_t len);
