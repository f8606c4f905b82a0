/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_read.h - a reader of the runtime descriptor (docs/RUNTIME_ABI.md).
 *
 * It uses nothing of grove's headers but snag_runtime.h and copies all that it looks at out of this
 * process by address, as one from outside would. What it cannot read fails the test.
 *
 *	read_table(&table);
 *	for (loop = read_next(table.loops.address, &table.loop_list, 0); loop; ...)
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runtime/snag_runtime.h"

/* `n` bytes at this address. */
void read_copy(uint64_t from, void *to, size_t n);

/* A field of the structure at `at`: a number, an address, or the address of what is inline. */
uint64_t read_number(uint64_t at, struct snag_rt_field field);

/* Its text, at most field.bytes with the 0. */
void read_text(uint64_t at, struct snag_rt_field field, char *to);

/* The table of this program, by its note. */
void read_table(struct snag_rt *table);

/* The element after `at` (0: the first) of a circle in `owner`; 0 at the end. */
uint64_t read_next(uint64_t owner, const struct snag_rt_list *list, uint64_t at);

/* The task of a loop that is called so; 0: there is none. */
uint64_t read_task(const struct snag_rt *t, uint64_t loop, const char *name);
