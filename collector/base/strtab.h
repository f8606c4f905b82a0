/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strtab.h - strings carried as ids, equal ones under one id (but see strtab_append()).
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

/* See strtab_addf(). */
__attribute__((format(printf, 2, 0))) uint32_t strtab_addv(struct strtab *t, const char *fmt,
							   va_list ap);

/*
 * A new id for the first `n` bytes of `s`, up to a NUL byte, without a look whether the string is
 * there: for texts that are all different, such as those with numbers in them. strtab_add() does
 * not find it. `s` is not NULL.
 */
uint32_t strtab_append(struct strtab *t, const char *s, size_t n);

/* See strtab_append(). */
__attribute__((format(printf, 2, 0))) uint32_t strtab_appendv(struct strtab *t, const char *fmt,
							      va_list ap);

/* The string of `id`, or NULL for 0. Borrowed until strtab_free(). */
const char *strtab_get(const struct strtab *t, uint32_t id);

/* How many strings there are; ids are 1 to this number. */
uint32_t strtab_count(const struct strtab *t);
