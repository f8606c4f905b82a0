/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jsonw.h - write JSON into a strbuf: commas and escapes are its business, order and nesting the
 *caller's.
 *
 *	struct jsonw w = { .out = &buf };
 *	jsonw_open(&w, NULL, '{');
 *	jsonw_string(&w, "name", name);
 *	jsonw_close(&w, '}');
 *
 * `key` is NULL inside arrays and at the top. Bytes that are no UTF-8 become U+FFFD, so the output
 *always is.
 */
#pragma once

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

struct jsonw {
	struct strbuf *out;
	bool comma; /* the next element needs one */
};

/* '{' or '['. */
void jsonw_open(struct jsonw *w, const char *key, char bracket);

/* '}' or ']'. */
void jsonw_close(struct jsonw *w, char bracket);

/* A line break before the next element, for people who use grep. */
void jsonw_newline(struct jsonw *w);

/* NULL gives null. */
void jsonw_string(struct jsonw *w, const char *key, const char *value);

/* The first `n` bytes of `value`. */
void jsonw_stringn(struct jsonw *w, const char *key, const char *value, size_t n);

/* A number. */
void jsonw_int(struct jsonw *w, const char *key, int64_t value);

/* A number of 64 bits without sign. */
void jsonw_uint(struct jsonw *w, const char *key, uint64_t value);

/* A number with three decimals; what is no finite number gives null. */
void jsonw_real(struct jsonw *w, const char *key, double value);

/* true or false. */
void jsonw_bool(struct jsonw *w, const char *key, bool value);

/* null. */
void jsonw_null(struct jsonw *w, const char *key);

/* An id of the document such as "a12"; 0 gives null. */
void jsonw_id(struct jsonw *w, const char *key, char letter, uint32_t id);

/* Text that is JSON already. */
void jsonw_raw(struct jsonw *w, const char *key, const char *value);
