/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * maps.h - the address space of a process, from /proc/P/maps, read with a deadline.
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strtab.h"

#include <stdbool.h>
#include <stdint.h>

struct map_area {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* into the file */
	uint64_t dev, ino;   /* dev as st_dev; 0, 0 for anonymous memory */
	bool read, write, exec, shared;
	uint32_t path; /* id in maps->strings, 0 none */
};

struct maps {
	struct map_area *areas; /* sorted by start */
	uint32_t count;
	struct strtab *strings;
};

/*
 * Read them. -ESRCH gone, -EACCES not allowed, -ETIMEDOUT the mmap_lock is held. Yours:
 * maps_free().
 */
SNAG_MUST_CHECK
int maps_read(int32_t tgid, bool suspicious, struct maps **ret, struct snag_error *err);

/* The maps file of a process, for maps_query(). A descriptor or -errno. */
SNAG_MUST_CHECK
int maps_open(int32_t tgid);

/*
 * The one area that holds `addr`, at a fraction of what the whole file costs. Its path stays 0; its
 * name goes into `name` when `size` is not 0, "" when it has none. 1, 0 there is none, -ENOTTY a
 * kernel before 6.11, -errno. Takes the mmap_lock: not for a process with a stuck thread.
 */
SNAG_MUST_CHECK
int maps_query(int fd, uint64_t addr, struct map_area *area, char *name, uint32_t size);

/* Parse the text of a maps file; lines that do not fit are left out. Never NULL. */
struct maps *maps_parse(const char *text);

/* Free them. NULL is fine. */
void maps_free(struct maps *m);
DEFINE_GUARD(maps)
#define _cleanup_maps_ _cleanup_(maps_free_guard)

/* The area that holds `addr`, or NULL. Borrowed until maps_free(). */
const struct map_area *maps_find(const struct maps *m, uint64_t addr);
