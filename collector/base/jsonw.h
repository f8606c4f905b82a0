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

/* ---- values: what stands behind a key, see below ------------------------------------------ */

/* '{' or '['. */
void jsonw_put_open(struct jsonw *w, char bracket);
/* The first `n` bytes of `text`, in quotes. */
void jsonw_put_text(struct jsonw *w, const char *text, size_t n);
/* A number. */
void jsonw_put_int(struct jsonw *w, int64_t value);
/* A number of 64 bits without sign. */
void jsonw_put_uint(struct jsonw *w, uint64_t value);
/* A letter and a number, in quotes; null for 0. */
void jsonw_put_id(struct jsonw *w, char letter, uint32_t id);

/*
 * The comma before an element and its key: half of a document. Here, because the length of a key is
 * known where it is written. A value has to follow.
 */
static inline void jsonw_key(struct jsonw *w, const char *key)
{
	size_t n = key ? strlen(key) : 0;
	char *to;

	strbuf_reserve(w->out, n + 4);
	to = w->out->s + w->out->len;
	if (w->comma)
		*to++ = ',';
	w->comma = true;
	if (key) {
		*to++ = '"';
		to = mempcpy(to, key, n);
		*to++ = '"';
		*to++ = ':';
	}
	w->out->len = (size_t)(to - w->out->s);
}

/* ---- elements ----------------------------------------------------------------------------- */

/* '{' or '['. */
static inline void jsonw_open(struct jsonw *w, const char *key, char bracket)
{
	jsonw_key(w, key);
	jsonw_put_open(w, bracket);
}

/* '}' or ']'. */
void jsonw_close(struct jsonw *w, char bracket);

/* A line break before the next element, for people who use grep. */
void jsonw_newline(struct jsonw *w);

/* null. */
static inline void jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_key(w, key);
	strbuf_addn(w->out, "null", 4);
}

/* The first `n` bytes of `value`. */
static inline void jsonw_stringn(struct jsonw *w, const char *key, const char *value, size_t n)
{
	jsonw_key(w, key);
	jsonw_put_text(w, value, n);
}

/* NULL gives null. */
static inline void jsonw_string(struct jsonw *w, const char *key, const char *value)
{
	if (value)
		jsonw_stringn(w, key, value, strlen(value));
	else
		jsonw_null(w, key);
}

/* A number. */
static inline void jsonw_int(struct jsonw *w, const char *key, int64_t value)
{
	jsonw_key(w, key);
	jsonw_put_int(w, value);
}

/* A number of 64 bits without sign. */
static inline void jsonw_uint(struct jsonw *w, const char *key, uint64_t value)
{
	jsonw_key(w, key);
	jsonw_put_uint(w, value);
}

/* A number with three decimals; what is no finite number gives null. */
void jsonw_real(struct jsonw *w, const char *key, double value);

/* true or false. */
static inline void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
	jsonw_key(w, key);
	strbuf_addn(w->out, value ? "true" : "false", value ? 4 : 5);
}

/* An id of the document such as "a12"; 0 gives null. */
static inline void jsonw_id(struct jsonw *w, const char *key, char letter, uint32_t id)
{
	jsonw_key(w, key);
	jsonw_put_id(w, letter, id);
}

/* Text that is JSON already. */
void jsonw_raw(struct jsonw *w, const char *key, const char *value);
