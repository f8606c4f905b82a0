/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * table.h - the table of a runtime (docs/RUNTIME_ABI.md) in the memory of a process, and what is
 * read by its help: fields and lists.
 *
 * The process may be hostile or broken: a field that cannot be read is not there, a list ends where
 * it leads astray or comes back to where it was.
 */
#pragma once

#include "runtimes/runtime.h"
#include "tests/runtime/snag_runtime.h"

struct table {
	struct runtime_site *site;
	struct snag_rt t;
	uint64_t address;
};

enum {
	TABLE_TEXT_MAX = 256,	  /* of a text, its 0 included */
	TABLE_LIST_MAX = 1 << 18, /* elements of one list */
};

/*
 * The table at `address` of the process. -EFAULT: not there; -EBADMSG: it is none; -EPROTONOSUPPORT
 * of a version that is not known. In `err` is why.
 */
SNAG_MUST_CHECK
int table_read(struct table *table, struct runtime_site *site, uint64_t address,
	       struct snag_error *err);

/*
 * The number, address or place of a field of the owner at `owner`, signed ones extended. False: the
 * runtime has no such field, or it cannot be read.
 */
bool table_number(const struct table *table, uint64_t owner, struct snag_rt_field field,
		  uint64_t *value);

/* The same with `none` for a field that is not there. */
uint64_t table_get(const struct table *table, uint64_t owner, struct snag_rt_field field,
		   uint64_t none);

/* A text as a string of the model, 0 when there is none. */
uint32_t table_text(const struct table *table, uint64_t owner, struct snag_rt_field field);

/* The largest value that a field can have, which stands for "no deadline". */
uint64_t table_most(struct snag_rt_field field);

/* A walk along a list. */
struct table_list {
	const struct table *table;
	const struct snag_rt_list *list;
	uint64_t owner, head, node;
	uint64_t count, index; /* of a vector */
	uint32_t taken;
	struct map seen;
	bool broken; /* it ended where it should not */
};

/* Begin one over `list` of the structure at `owner`. Release it. */
void table_list_init(struct table_list *l, const struct table *table, uint64_t owner,
		     const struct snag_rt_list *list);

/* The next element, 0 at the end; then `broken` tells whether it was the end. */
uint64_t table_list_next(struct table_list *l);

/* Free it. */
void table_list_release(struct table_list *l);
DEFINE_PLACE_GUARD(table_list)
#define _cleanup_table_list_ _cleanup_(table_list_release_guard)
