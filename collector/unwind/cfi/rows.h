/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.h - what to do at an address of a file to get to its caller, kept: a 15-thread Python needs
 * some 60 of these, while the tables of its files have a hundred thousand.
 */
#pragma once

#include "unwind/elf/files.h"

enum row_kind {
	ROW_CFI = 1,   /* by rules */
	ROW_SIGRETURN, /* the code that a signal handler returns to, without CFI */
	ROW_OUTERMOST, /* the rules say that nobody called this */
	ROW_NONE,      /* no CFI */
	ROW_NO_FILE,   /* no CFI because there is no file to find it in */
	ROW_BAD,       /* CFI that makes no sense */
};

struct row {
	uint8_t kind; /* enum row_kind */
	uint8_t how;  /* enum frame_how of the caller */
	bool signal;  /* a signal frame: all registers are saved, the caller's pc is exact */
	uint8_t rule_count;
	struct cfi_rule cfa;
	uint64_t start;	     /* of the function, as the file counts */
	uint32_t first_rule; /* those of registers that do change, see rows_rules() */
};

struct rows;

/* An empty cache. Never NULL. */
struct rows *rows_new(void);

/* Free it. NULL is fine. */
void rows_free(struct rows *r);
DEFINE_GUARD(rows)
#define _cleanup_rows_ _cleanup_(rows_free_guard)

/*
 * The row for `addr`, as the file counts; `exact`: the thread is there, else `addr` is where it
 * returns to and the call before it counts. Borrowed until the next call.
 */
const struct row *rows_get(struct rows *r, struct code_file *f, uint64_t addr, bool exact);

/* The rules of a row that rows_get() just gave. */
const struct cfi_rule *rows_rules(const struct rows *r, const struct row *row);

/* How many are kept, and how many had to be computed so far. */
uint32_t rows_count(const struct rows *r, uint64_t *misses);
