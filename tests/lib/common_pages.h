/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * common_pages.h - the memory of a Python process, kept, so that it can be read again with changes.
 *
 *	struct pages *p = pages_of(pid);
 *	pages_put(p, address, value);
 *	_cleanup_model_ struct model *m = pages_read(p);
 *	pages_undo(p);
 */
#pragma once

#include "base/strbuf.h"
#include "model/model.h"

struct pages;

/*
 * Read a process whose threads stand still, and keep every page that this takes. It must stay
 * alive: its files are read. NULL: there is no Python in it. Yours.
 */
struct pages *pages_of(int32_t tgid);

/* Free it. NULL is fine. */
void pages_free(struct pages *p);

/* All that snag makes of the pages as they are now: threads, tasks, locks, variables. Yours. */
struct model *pages_read(struct pages *p);

/* How many there are, and where the i-th one begins. */
uint32_t pages_count(const struct pages *p);
/* See pages_count(). */
uint64_t pages_at(const struct pages *p, uint32_t i);

/* The word at an address; false: it is on none of the pages. */
bool pages_get(const struct pages *p, uint64_t addr, uint64_t *value);

/* Change it. */
bool pages_put(struct pages *p, uint64_t addr, uint64_t value);

/* As it was at first. */
void pages_undo(struct pages *p);

/*
 * A line of each thread and each task, in the order of the model: what is said of it alone, without
 * who is above it.
 */
void pages_lines(const struct model *m, struct strbuf *out);

/*
 * A program with threads in locks, generators and exceptions, and with tasks of asyncio and, where
 * it is installed, of trio. It prints addresses of its objects as "word address", then "done".
 */
extern const char pages_program[];
