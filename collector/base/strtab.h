/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strtab.h - strings kept once, carried as ids.
 *
 * Id 0 is "none". Strings live as long as the table and never move.
 */
#pragma once

#include "base/cleanup.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct strtab;

/* An empty table. Never NULL. */
struct strtab *strtab_new(void);

/* Free the table and its strings. NULL is fine. */
void strtab_free(struct strtab *t);
DEFINE_GUARD(strtab)
#define _cleanup_strtab_ _cleanup_(strtab_free_guard)

/* The id of `s`, added when it is new; NULL gives 0. */
uint32_t strtab_add(struct strtab *t, const char *s);

/* The id of the first `n` bytes of `s`, up to a NUL byte. */
uint32_t strtab_addn(struct strtab *t, const char *s, size_t n);

/* The id of a formatted string. */
__attribute__((format(printf, 2, 3))) uint32_t strtab_addf(struct strtab *t, const char *fmt, ...);

/* The id of a formatted string; 0 without the memory to format it. */
__attribute__((format(printf, 2, 0))) uint32_t strtab_addv(struct strtab *t, const char *fmt,
							   va_list ap);

/* The string of `id`, or NULL for 0. Borrowed until strtab_free(). */
const char *strtab_get(const struct strtab *t, uint32_t id);

/* How many strings there are; ids are 1 to this number. */
uint32_t strtab_count(const struct strtab *t);
