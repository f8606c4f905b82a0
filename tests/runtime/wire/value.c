/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How many values hang below it. */
static size_t below(const struct grove_value *v)
{
	if (v->kind == GROVE_VALUE_ARRAY)
		return v->size;
	return v->kind == GROVE_VALUE_MAP ? 2 * (size_t)v->size : 0;
}

/* Trees are not deeper than what packing refuses or unpacking made, so recursion is bounded. */
void grove_value_release(struct grove_value *v)
{
	for (size_t i = 0; i < below(v); i++)
		grove_value_release(&v->items[i]);
	if (v->kind >= GROVE_VALUE_ARRAY)
		free(v->items);
	else if (v->kind >= GROVE_VALUE_STR)
		free(v->bytes);
	*v = grove_nil();
}

struct grove_value grove_nil(void)
{
	return (struct grove_value){ .kind = GROVE_VALUE_NIL };
}

struct grove_value grove_bool(bool b)
{
	return (struct grove_value){ .kind = GROVE_VALUE_BOOL, .b = b };
}

struct grove_value grove_int(int64_t i)
{
	return (struct grove_value){ .kind = GROVE_VALUE_INT, .i = i };
}

struct grove_value grove_float(double f)
{
	return (struct grove_value){ .kind = GROVE_VALUE_FLOAT, .f = f };
}

static struct grove_value bytes_of(enum grove_value_kind kind, const void *bytes, size_t size)
{
	struct grove_value v = { .kind = kind, .size = (uint32_t)size };

	if (size >= UINT32_MAX)
		grove_bug("a value of %zu bytes", size);
	v.bytes = grove_alloc(size + 1, 1);
	if (size)
		memcpy(v.bytes, bytes, size);
	return v;
}

struct grove_value grove_strn(const char *text, size_t size)
{
	return bytes_of(GROVE_VALUE_STR, text, size);
}

struct grove_value grove_str(const char *text)
{
	return text ? grove_strn(text, strlen(text)) : grove_nil();
}

struct grove_value grove_bin(const void *bytes, size_t size)
{
	return bytes_of(GROVE_VALUE_BIN, bytes, size);
}

struct grove_value grove_array(void)
{
	return (struct grove_value){ .kind = GROVE_VALUE_ARRAY };
}

struct grove_value grove_map(void)
{
	return (struct grove_value){ .kind = GROVE_VALUE_MAP };
}

/* Room for one more of `width` values each: doubled whenever the size is a power of two. */
static struct grove_value *one_more(struct grove_value *v, size_t width)
{
	if (v->size >= UINT32_MAX / 4)
		grove_bug("%u elements in a value", v->size);
	if (!v->size)
		v->items = grove_realloc(NULL, width, sizeof(*v->items));
	else if (!(v->size & (v->size - 1)))
		v->items = grove_realloc(v->items, 2 * (size_t)v->size * width, sizeof(*v->items));
	return v->items + width * v->size++;
}

void grove_value_push(struct grove_value *array, struct grove_value item)
{
	if (array->kind != GROVE_VALUE_ARRAY)
		grove_bug("a push to %s", grove_value_kind_name(array->kind));
	*one_more(array, 1) = item;
}

/* The place of `key` in a map, NULL when it is not there. */
static struct grove_value *lookup(const struct grove_value *map, const char *key, size_t size)
{
	for (size_t i = 0; i < below(map); i += 2)
		if (map->items[i].size == size && !memcmp(map->items[i].bytes, key, size))
			return &map->items[i + 1];
	return NULL;
}

void grove_value_set(struct grove_value *map, const char *key, struct grove_value item)
{
	struct grove_value *slot;

	if (map->kind != GROVE_VALUE_MAP)
		grove_bug("a key is set in %s", grove_value_kind_name(map->kind));
	slot = lookup(map, key, strlen(key));
	if (slot) {
		grove_value_release(slot);
	} else {
		slot = one_more(map, 2);
		slot[0] = grove_str(key);
		slot++;
	}
	*slot = item;
}

struct grove_value grove_value_move(struct grove_value *v)
{
	struct grove_value moved = *v;

	*v = grove_nil();
	return moved;
}

struct grove_value grove_value_copy(const struct grove_value *v)
{
	struct grove_value copy = *v;
	size_t count = below(v);

	if (v->kind == GROVE_VALUE_STR || v->kind == GROVE_VALUE_BIN)
		return bytes_of(v->kind, v->bytes, v->size);
	if (!count)
		return copy;
	/* Room as one_more() expects it: the next power of two. */
	copy = (struct grove_value){ .kind = v->kind };
	for (size_t i = 0; i < count; i++) {
		size_t width = v->kind == GROVE_VALUE_MAP ? 2 : 1;

		if (i % width == 0)
			one_more(&copy, width);
		copy.items[i] = grove_value_copy(&v->items[i]);
	}
	return copy;
}

static bool equal_items(const struct grove_value *a, const struct grove_value *b)
{
	if (a->kind == GROVE_VALUE_ARRAY) {
		for (size_t i = 0; i < a->size; i++)
			if (!grove_value_equal(&a->items[i], &b->items[i]))
				return false;
		return true;
	}
	for (size_t i = 0; i < below(a); i += 2) {
		const struct grove_value *key = &a->items[i];
		const struct grove_value *other = lookup(b, key->bytes, key->size);

		if (!other || !grove_value_equal(lookup(a, key->bytes, key->size), other))
			return false;
	}
	return true;
}

bool grove_value_equal(const struct grove_value *a, const struct grove_value *b)
{
	if (a->kind != b->kind || a->size != b->size)
		return false;
	switch (a->kind) {
	case GROVE_VALUE_NIL:
		return true;
	case GROVE_VALUE_BOOL:
		return a->b == b->b;
	case GROVE_VALUE_INT:
		return a->i == b->i;
	case GROVE_VALUE_FLOAT:
		return a->f == b->f;
	case GROVE_VALUE_STR:
	case GROVE_VALUE_BIN:
		return memcmp(a->bytes, b->bytes, a->size) == 0;
	case GROVE_VALUE_ARRAY:
	case GROVE_VALUE_MAP:
		return equal_items(a, b);
	}
	return false;
}

const struct grove_value *grove_value_find(const struct grove_value *map, const char *key)
{
	return map && map->kind == GROVE_VALUE_MAP ? lookup(map, key, strlen(key)) : NULL;
}

const struct grove_value *grove_value_at(const struct grove_value *array, size_t i)
{
	if (!array || array->kind != GROVE_VALUE_ARRAY || i >= array->size)
		return NULL;
	return &array->items[i];
}

bool grove_value_bool(const struct grove_value *v, bool fallback)
{
	return v && v->kind == GROVE_VALUE_BOOL ? v->b : fallback;
}

int64_t grove_value_int(const struct grove_value *v, int64_t fallback)
{
	return v && v->kind == GROVE_VALUE_INT ? v->i : fallback;
}

double grove_value_float(const struct grove_value *v, double fallback)
{
	return v && v->kind == GROVE_VALUE_FLOAT ? v->f : fallback;
}

const char *grove_value_str(const struct grove_value *v, const char *fallback)
{
	return v && v->kind == GROVE_VALUE_STR ? v->bytes : fallback;
}

const char *grove_value_kind_name(enum grove_value_kind kind)
{
	static const char *const NAMES[] = {
		[GROVE_VALUE_NIL] = "nil",	  [GROVE_VALUE_BOOL] = "a boolean",
		[GROVE_VALUE_INT] = "an integer", [GROVE_VALUE_FLOAT] = "a float",
		[GROVE_VALUE_STR] = "a string",	  [GROVE_VALUE_BIN] = "bytes",
		[GROVE_VALUE_ARRAY] = "an array", [GROVE_VALUE_MAP] = "a map",
	};

	return NAMES[kind];
}

/* The value under `key`, which has to be of `kind`; NULL, with the reason in `err`. */
static const struct grove_value *need(const struct grove_value *map, const char *key,
				      enum grove_value_kind kind, struct grove_error *err)
{
	const struct grove_value *v = grove_value_find(map, key);

	if (v && v->kind == kind)
		return v;
	if (v)
		grove_error_set(err, -EINVAL, "'%s' is %s, not %s", key,
				grove_value_kind_name(v->kind), grove_value_kind_name(kind));
	else
		grove_error_set(err, -EINVAL, "'%s' is missing", key);
	return NULL;
}

int grove_value_need_int(const struct grove_value *map, const char *key, int64_t *ret,
			 struct grove_error *err)
{
	const struct grove_value *v = need(map, key, GROVE_VALUE_INT, err);

	if (!v)
		return -EINVAL;
	*ret = v->i;
	return 0;
}

int grove_value_need_str(const struct grove_value *map, const char *key, const char **ret,
			 struct grove_error *err)
{
	const struct grove_value *v = need(map, key, GROVE_VALUE_STR, err);

	if (!v)
		return -EINVAL;
	if (strlen(v->bytes) != v->size)
		return grove_error_set(err, -EINVAL, "'%s' has a zero byte within", key);
	*ret = v->bytes;
	return 0;
}

/* A line is cut after this many bytes. */
static const size_t PRINTED_BYTES = 200;

__attribute__((format(printf, 2, 3))) static void put(struct grove_buf *out, const char *fmt, ...)
{
	char piece[64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(piece, sizeof(piece), fmt, args);
	va_end(args);
	grove_buf_add(out, piece, strlen(piece));
}

static void print_str(struct grove_buf *out, const struct grove_value *v)
{
	put(out, "\"");
	for (uint32_t i = 0; i < v->size && grove_buf_size(out) <= PRINTED_BYTES; i++) {
		unsigned char c = (unsigned char)v->bytes[i];

		if (c == '"' || c == '\\')
			put(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			put(out, "\\x%02x", c);
		else
			put(out, "%c", c);
	}
	put(out, "\"");
}

static void print(struct grove_buf *out, const struct grove_value *v)
{
	bool map = v->kind == GROVE_VALUE_MAP;

	switch (v->kind) {
	case GROVE_VALUE_NIL:
		put(out, "nil");
		break;
	case GROVE_VALUE_BOOL:
		put(out, "%s", v->b ? "true" : "false");
		break;
	case GROVE_VALUE_INT:
		put(out, "%lld", (long long)v->i);
		break;
	case GROVE_VALUE_FLOAT:
		put(out, "%.17g", v->f);
		break;
	case GROVE_VALUE_STR:
		print_str(out, v);
		break;
	case GROVE_VALUE_BIN:
		put(out, "<%u bytes>", v->size);
		break;
	case GROVE_VALUE_ARRAY:
	case GROVE_VALUE_MAP:
		put(out, map ? "{" : "[");
		for (size_t i = 0; i < below(v) && grove_buf_size(out) <= PRINTED_BYTES; i++) {
			put(out, "%s", !i ? "" : map && i % 2 ? ": " : ", ");
			print(out, &v->items[i]);
		}
		put(out, map ? "}" : "]");
		break;
	}
}

char *grove_value_print(const struct grove_value *v)
{
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;

	print(&out, v);
	if (grove_buf_size(&out) > PRINTED_BYTES) {
		grove_buf_cut(&out, PRINTED_BYTES);
		grove_buf_add(&out, "...", 3);
	}
	grove_buf_add(&out, "", 1);
	return grove_strdup(grove_buf_data(&out));
}
