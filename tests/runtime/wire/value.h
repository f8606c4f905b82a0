/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.h - what actors give each other: nil, bool, int, float, text, bytes, arrays, maps.
 *
 * A value is a small struct that owns what is below it. Whoever has one hands it on by giving it
 * away (set, push, the value of a message) or releases it.
 *
 *	_grove_value_ struct grove_value args = grove_map();
 *	grove_value_set(&args, "depth", grove_int(3));
 *	grove_value_set(&args, "name", grove_str("leaf"));
 *	...
 *	rc = grove_value_need_int(&args, "depth", &depth, err);
 *
 * On the wire it is MessagePack. What comes from there is bounded in depth and number before
 * anything is allocated for it.
 */
#pragma once

#include "runtime/wire/buf.h"

/* Containers within containers, at most. */
#define GROVE_VALUE_DEPTH 28
/* Values in one packed value, at most: an empty array costs one byte there and 24 here. */
#define GROVE_VALUE_NODES (1u << 20)

enum grove_value_kind {
	GROVE_VALUE_NIL,
	GROVE_VALUE_BOOL,
	GROVE_VALUE_INT,
	GROVE_VALUE_FLOAT,
	GROVE_VALUE_STR,
	GROVE_VALUE_BIN,
	GROVE_VALUE_ARRAY,
	GROVE_VALUE_MAP,
};

struct grove_value {
	enum grove_value_kind kind;
	uint32_t size; /* bytes of str and bin, elements of an array, pairs of a map */
	union {
		bool b;
		int64_t i;
		double f;
		char *bytes;		   /* owned; a str is terminated besides */
		struct grove_value *items; /* owned; a map: key, value, key, value */
	};
};

/* Free what it owns; it is nil then. */
void grove_value_release(struct grove_value *v);

static inline void grove_value_guard(struct grove_value *v)
{
	grove_value_release(v);
}
#define _grove_value_ _grove_cleanup_(grove_value_guard)

/* New values; text and bytes are copied. NULL text is nil. */
struct grove_value grove_nil(void);
struct grove_value grove_bool(bool b);
struct grove_value grove_int(int64_t i);
struct grove_value grove_float(double f);
struct grove_value grove_str(const char *text);
struct grove_value grove_strn(const char *text, size_t size);
struct grove_value grove_bin(const void *bytes, size_t size);
struct grove_value grove_array(void);
struct grove_value grove_map(void);

/* Put `item` last in an array, which owns it then. */
void grove_value_push(struct grove_value *array, struct grove_value item);

/* Put `item` under `key` into a map, which owns it then; one that was there is released. */
void grove_value_set(struct grove_value *map, const char *key, struct grove_value item);

/* The value, which `v` no longer owns: `v` is nil. */
struct grove_value grove_value_move(struct grove_value *v);

/* All of it once more. */
struct grove_value grove_value_copy(const struct grove_value *v);

/* Whether both are the same; the order of a map's keys does not count. */
bool grove_value_equal(const struct grove_value *a, const struct grove_value *b);

/* What lies under `key`; NULL when it is not there or `map` is no map or NULL. Borrowed. */
const struct grove_value *grove_value_find(const struct grove_value *map, const char *key);

/* The element `i`; NULL past the last one, or when `array` is no array or NULL. Borrowed. */
const struct grove_value *grove_value_at(const struct grove_value *array, size_t i);

/* The content, or `fallback` when `v` is NULL or of another kind. Text is borrowed. */
bool grove_value_bool(const struct grove_value *v, bool fallback);
int64_t grove_value_int(const struct grove_value *v, int64_t fallback);
double grove_value_float(const struct grove_value *v, double fallback);
const char *grove_value_str(const struct grove_value *v, const char *fallback);

/*
 * What a function needs from its arguments: -EINVAL with "'depth' is missing" or "'depth' is a
 * string, not an integer". Text is borrowed, and has no zero byte within.
 */
GROVE_MUST_CHECK
int grove_value_need_int(const struct grove_value *map, const char *key, int64_t *ret,
			 struct grove_error *err);
GROVE_MUST_CHECK
int grove_value_need_str(const struct grove_value *map, const char *key, const char **ret,
			 struct grove_error *err);

/* "a string", "an array", ... Static. */
const char *grove_value_kind_name(enum grove_value_kind kind);

/* One line for people, like JSON, cut after some 200 bytes. Free with free(). */
char *grove_value_print(const struct grove_value *v);

/* Append it to `buf`. -E2BIG, and nothing appended, when it is too deep or has too many values. */
GROVE_MUST_CHECK
int grove_value_pack(struct grove_buf *buf, const struct grove_value *v, struct grove_error *err);

/*
 * The value that `size` bytes are. -EBADMSG, with the place and what is wrong there: truncated,
 * nested too deep, more elements than bytes, too many values, bytes after its end, or a thing
 * that is no value of grove (extensions, keys that are no text, integers beyond int64_t).
 * Of two equal keys in a map the first counts.
 */
GROVE_MUST_CHECK
int grove_value_unpack(struct grove_value *ret, const void *bytes, size_t size,
		       struct grove_error *err);
