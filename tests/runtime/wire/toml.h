/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toml.h - the part of TOML 1.0 that a table of endpoints needs, one item at a time.
 *
 * Read are comments, [tables], bare, quoted and dotted keys, strings of one line with all escapes,
 * integers in all bases, booleans, and arrays of these over any number of lines. What is TOML but
 * not read says so by name: strings of several lines, floats, dates, inline tables, arrays of
 * tables, arrays in arrays. What no TOML file may have is an error as well: a key or table that is
 * there twice, control characters, bytes that are no UTF-8.
 *
 *	_grove_toml_ struct grove_toml *toml = grove_toml_new("endpoints.toml", text, size);
 *	while ((rc = grove_toml_next(toml, &item, err)) > 0)
 *		...
 */
#pragma once

#include "runtime/core/base.h"

/* Keys of a path, at most; bytes of a file; keys and tables of a file. */
#define GROVE_TOML_DEPTH 8
#define GROVE_TOML_BYTES (256u << 10)
#define GROVE_TOML_KEYS 4096

enum grove_toml_kind {
	GROVE_TOML_TABLE, /* a [header] */
	GROVE_TOML_EMPTY, /* an empty array */
	GROVE_TOML_STR,
	GROVE_TOML_INT,
	GROVE_TOML_BOOL,
};

/* One header, one value, or one element of an array. Borrowed until the next one. */
struct grove_toml_item {
	unsigned int line;
	enum grove_toml_kind kind;
	const char *path[GROVE_TOML_DEPTH]; /* the keys of the table, then those of the value */
	size_t depth;
	bool in_array;
	size_t index; /* in the array */
	const char *text;
	int64_t number;
	bool truth;
};

struct grove_toml;

/* A reader over `text`, which has to outlive it; `name` is for error lines. Never NULL. */
struct grove_toml *grove_toml_new(const char *name, const char *text, size_t size);

/* Free it. NULL is fine. */
void grove_toml_free(struct grove_toml *toml);
GROVE_GUARD(grove_toml)
#define _grove_toml_ _grove_cleanup_(grove_toml_free_guard)

/*
 * The next item: 1; 0 at the end; -EBADMSG with "name:line: what is wrong", then nothing follows.
 */
GROVE_MUST_CHECK
int grove_toml_next(struct grove_toml *toml, struct grove_toml_item *item, struct grove_error *err);

/* -EBADMSG, with "name:line: text": for what a caller finds wrong with an item. */
__attribute__((format(printf, 4, 5))) int grove_toml_wrong(const struct grove_toml *toml,
							   unsigned int line,
							   struct grove_error *err, const char *fmt,
							   ...);
