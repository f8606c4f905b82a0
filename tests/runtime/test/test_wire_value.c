/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_wire_value.c - values, their bytes, and the bytes that are none. Uids and buffers besides.
 */
#include "runtime/wire/uid.h"
#include "runtime/wire/value.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/test/help_left.h"

TestSuite(wire_value, .init = help_begin, .fini = help_end);
TestSuite(wire_uid, .init = help_begin, .fini = help_end);
TestSuite(wire_buf, .init = help_begin, .fini = help_end);

/* A value of each kind. */
static struct grove_value zoo(void)
{
	struct grove_value v = grove_map(), list = grove_array();

	grove_value_push(&list, grove_nil());
	grove_value_push(&list, grove_bool(true));
	grove_value_push(&list, grove_int(-7));
	grove_value_push(&list, grove_map());
	grove_value_push(&list, grove_array());
	grove_value_set(&v, "list", list);
	grove_value_set(&v, "text", grove_str("a\"b\n\xc3\xa4"));
	grove_value_set(&v, "bytes", grove_bin("\0\1\2", 3));
	grove_value_set(&v, "half", grove_float(0.5));
	grove_value_set(&v, "min", grove_int(INT64_MIN));
	grove_value_set(&v, "max", grove_int(INT64_MAX));
	return v;
}

static void round_trip(const struct grove_value *v)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;
	_grove_value_ struct grove_value again = grove_nil();

	cr_assert_eq(grove_value_pack(&buf, v, &err), 0, "%s", err.text);
	cr_assert_eq(grove_value_unpack(&again, grove_buf_data(&buf), grove_buf_size(&buf), &err),
		     0, "%s", err.text);
	cr_assert(grove_value_equal(v, &again));
}

Test(wire_value, round_trips)
{
	static const int64_t ints[] = { 0,	1,	127,	   128,	       255,
					256,	65535,	65536,	   UINT32_MAX, INT64_MAX,
					-1,	-32,	-33,	   -128,       -129,
					-32768, -32769, INT32_MIN, INT64_MIN };
	static const size_t sizes[] = { 0, 1, 31, 32, 255, 256, 65535, 65536, 100000 };
	_grove_value_ struct grove_value v = zoo();

	round_trip(&v);
	for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++)
		round_trip(&(struct grove_value){ .kind = GROVE_VALUE_INT, .i = ints[i] });
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		_grove_free_ char *bytes = grove_alloc(sizes[i] + 1, 1);
		_grove_value_ struct grove_value str = grove_strn(bytes, sizes[i]);
		_grove_value_ struct grove_value bin = grove_bin(bytes, sizes[i]);
		_grove_value_ struct grove_value array = grove_array(), map = grove_map();

		round_trip(&str);
		round_trip(&bin);
		cr_assert_not(grove_value_equal(&str, &bin));
		for (size_t k = 0; k < sizes[i] && k < 300; k++) {
			char key[16];

			snprintf(key, sizeof(key), "k%zu", k);
			grove_value_set(&map, key, grove_int((int64_t)k));
		}
		for (size_t k = 0; k < sizes[i]; k++)
			grove_value_push(&array, grove_int((int64_t)k));
		round_trip(&array);
		round_trip(&map);
	}
}

Test(wire_value, what_came_can_grow)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;

	/* A container that was unpacked or copied has room for as many as push and set expect. */
	for (int64_t n = 0; n < 40; n++) {
		_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;
		_grove_value_ struct grove_value v = grove_map(), list = grove_array();
		_grove_value_ struct grove_value got = grove_nil(), copy = grove_nil();

		for (int64_t i = 0; i < n; i++)
			grove_value_push(&list, grove_int(i));
		grove_value_set(&v, "list", grove_value_move(&list));
		cr_assert_eq(grove_value_pack(&buf, &v, &err), 0);
		cr_assert_eq(grove_value_unpack(&got, grove_buf_data(&buf), grove_buf_size(&buf),
						&err),
			     0);
		copy = grove_value_copy(&got);
		grove_value_set(&got, "more", grove_int(1));
		grove_value_push(&got.items[1], grove_int(n));
		grove_value_set(&copy, "more", grove_int(1));
		grove_value_push(&copy.items[1], grove_int(n));
		cr_assert(grove_value_equal(&got, &copy));
		cr_assert_eq(
			grove_value_int(grove_value_at(grove_value_find(&copy, "list"), (size_t)n),
					-1),
			n);
	}
}

Test(wire_value, access)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_value_ struct grove_value v = zoo();
	const struct grove_value *list = grove_value_find(&v, "list");
	const char *text = "untouched";
	int64_t number = 42;

	cr_assert_eq(list->size, 5);
	cr_assert(grove_value_bool(grove_value_at(list, 1), false));
	cr_assert_eq(grove_value_int(grove_value_at(list, 2), 0), -7);
	cr_assert_null(grove_value_at(list, 5));
	cr_assert_null(grove_value_at(&v, 0));
	cr_assert_null(grove_value_at(NULL, 0));
	cr_assert_null(grove_value_find(&v, "no"));
	cr_assert_null(grove_value_find(list, "no"));
	cr_assert_null(grove_value_find(NULL, "no"));
	cr_assert_eq(grove_value_int(list, 5), 5);
	cr_assert_eq(grove_value_float(grove_value_find(&v, "half"), 1), 0.5);
	cr_assert_eq(grove_value_float(NULL, 1), 1);
	cr_assert_eq(grove_value_bool(NULL, true), true);
	cr_assert_str_eq(grove_value_str(NULL, "x"), "x");
	cr_assert_str_eq(grove_value_str(grove_value_find(&v, "text"), ""), "a\"b\n\xc3\xa4");

	cr_assert_eq(grove_value_need_int(&v, "max", &number, &err), 0);
	cr_assert_eq(number, INT64_MAX);
	cr_assert_eq(grove_value_need_int(&v, "text", &number, &err), -EINVAL);
	cr_assert_str_eq(err.text, "'text' is a string, not an integer");
	cr_assert_eq(grove_value_need_int(&v, "depth", &number, &err), -EINVAL);
	cr_assert_str_eq(err.text, "'depth' is missing");
	cr_assert_eq(number, INT64_MAX);
	cr_assert_eq(grove_value_need_str(&v, "list", &text, &err), -EINVAL);
	cr_assert_str_eq(err.text, "'list' is an array, not a string");
	grove_value_set(&v, "text", grove_strn("a\0b", 3));
	cr_assert_eq(grove_value_need_str(&v, "text", &text, &err), -EINVAL);
	cr_assert_str_eq(err.text, "'text' has a zero byte within");
	cr_assert_str_eq(text, "untouched");
	grove_value_set(&v, "text", grove_str("b"));
	cr_assert_eq(grove_value_need_str(&v, "text", &text, &err), 0);
	cr_assert_str_eq(text, "b");
	cr_assert_eq(v.size, 6, "a key is there once");
}

Test(wire_value, moves_and_compares)
{
	_grove_value_ struct grove_value a = zoo(), b = zoo(), c = grove_nil(), d = grove_map();

	cr_assert(grove_value_equal(&a, &b));
	grove_value_set(&a, "z", grove_int(1));
	grove_value_set(&a, "y", grove_int(2));
	grove_value_set(&b, "y", grove_int(2));
	cr_assert_not(grove_value_equal(&a, &b));
	grove_value_set(&b, "z", grove_int(1));
	cr_assert(grove_value_equal(&a, &b), "in another order");
	grove_value_set(&b, "z", grove_int(3));
	cr_assert_not(grove_value_equal(&a, &b));
	grove_value_set(&b, "z", grove_float(1));
	cr_assert_not(grove_value_equal(&a, &b));
	c = grove_value_move(&a);
	cr_assert_eq(a.kind, GROVE_VALUE_NIL);
	cr_assert_not(grove_value_equal(&a, &c));
	cr_assert_eq(grove_str(NULL).kind, GROVE_VALUE_NIL);
	grove_value_set(&d, "x", grove_nil());
	cr_assert_not(grove_value_equal(&d, &c));
}

Test(wire_value, prints_for_people)
{
	_grove_value_ struct grove_value v = zoo(), many = grove_array(),
					 odd = grove_str("\x1b[0m");
	_grove_free_ char *text = grove_value_print(&v);

	cr_assert_str_eq(text,
			 "{\"list\": [nil, true, -7, {}, []], \"text\": \"a\\\"b\\x0a\xc3\xa4\", "
			 "\"bytes\": <3 bytes>, \"half\": 0.5, "
			 "\"min\": -9223372036854775808, \"max\": 9223372036854775807}");
	for (int i = 0; i < 1000; i++)
		grove_value_push(&many, grove_value_copy(&v));
	_grove_free_ char *cut = grove_value_print(&many);
	cr_assert_eq(strlen(cut), 203);
	cr_assert_str_eq(cut + 200, "...");
	_grove_free_ char *escaped = grove_value_print(&odd);
	cr_assert_str_eq(escaped, "\"\\x1b[0m\"");
}

/* `depth` arrays within each other. */
static struct grove_value nested(int depth)
{
	struct grove_value v = grove_array();

	for (int i = 1; i < depth; i++) {
		struct grove_value outer = grove_array();

		grove_value_push(&outer, v);
		v = outer;
	}
	return v;
}

Test(wire_value, nothing_too_deep_or_too_many_goes_out)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_value_ struct grove_value ok = nested(GROVE_VALUE_DEPTH);
	_grove_value_ struct grove_value deep = nested(GROVE_VALUE_DEPTH + 1), many = grove_array();
	_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;

	round_trip(&ok);
	grove_buf_add(&buf, "kept", 4);
	cr_assert_eq(grove_value_pack(&buf, &deep, &err), -E2BIG);
	cr_assert_str_eq(err.text, "a value nested deeper than 28");
	cr_assert_eq(grove_buf_size(&buf), 4);
	for (uint32_t i = 0; i <= GROVE_VALUE_NODES; i++)
		grove_value_push(&many, grove_nil());
	cr_assert_eq(grove_value_pack(&buf, &many, &err), -E2BIG);
	cr_assert_str_eq(err.text, "more than 1048576 values");
	cr_assert_eq(grove_buf_size(&buf), 4);
}

/* The bytes that hexadecimal digits spell, *size of them. Free with free(). */
static uint8_t *unhex(const char *digits, size_t *size)
{
	/* Room for exactly these: a byte read too far is seen by the sanitizer. */
	uint8_t *bytes = grove_alloc(strlen(digits) / 2, 1);

	for (*size = 0; digits[2 * *size]; ++*size)
		cr_assert_eq(sscanf(digits + 2 * *size, "%2hhx", &bytes[*size]), 1);
	return bytes;
}

Test(wire_value, every_error_in_bytes)
{
	static const struct {
		const char *why, *bytes;
	} rows[] = {
		{ "truncated after 1 bytes", "c4" },
		{ "truncated after 2 bytes", "c500" },
		{ "truncated after 3 bytes", "c60000" },
		{ "truncated after 2 bytes", "c401" },
		{ "truncated after 5 bytes", "c6ffffffff" },
		{ "truncated after 1 bytes", "a1" },
		{ "truncated after 3 bytes", "a36162" },
		{ "truncated after 2 bytes", "d901" },
		{ "truncated after 1 bytes", "ca" },
		{ "truncated after 8 bytes", "cb00000000000000" },
		{ "truncated after 1 bytes", "cc" },
		{ "truncated after 8 bytes", "d300000000000000" },
		{ "truncated after 2 bytes", "dc00" },
		{ "truncated after 3 bytes", "9291c0" },
		{ "an array of 1 before byte 1, but only 0 bytes follow", "91" },
		{ "an array of 4294967295 before byte 5, but only 1 bytes follow", "ddffffffffc0" },
		{ "a map of 4294967295 before byte 5, but only 1 bytes follow", "dfffffffffc0" },
		{ "a map of 1 before byte 1, but only 1 bytes follow", "81a0" },
		{ "0xc1, which is nothing, before byte 2", "91c1" },
		{ "an extension before byte 1", "c70001" },
		{ "an extension before byte 1", "d40101" },
		{ "an extension before byte 1", "d801" },
		{ "2 bytes follow its end", "c0c0c0" },
		{ "a key that is no text", "810101" },
		{ "a key that is no text", "819001" },
		{ "a key that is no text", "81c4016b01" },
		{ "a key that is no text", "82a16b91a0c0c0" },
		{ "the integer 9223372036854775808 is too large", "cf8000000000000000" },
	};
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_value v = { .kind = GROVE_VALUE_INT, .i = 5 };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t size;
		_grove_free_ uint8_t *bytes = unhex(rows[i].bytes, &size);

		cr_expect_eq(grove_value_unpack(&v, bytes, size, &err), -EBADMSG, "row %zu", i);
		cr_expect_str_eq(err.text, rows[i].why, "row %zu: %s", i, err.text);
		cr_assert_eq(v.i, 5);
	}
	cr_assert_eq(grove_value_unpack(&v, "", 0, &err), -EBADMSG);
	cr_assert_str_eq(err.text, "truncated after 0 bytes");
}

Test(wire_value, bytes_that_are_too_much)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_free_ uint8_t *bytes = grove_alloc(3 << 20, 1);
	struct grove_value v = grove_nil();
	size_t size = 0;

	/* As deep as the bytes allow: refused by depth, long before the stack. */
	memset(bytes, 0x91, 1 << 20);
	cr_assert_eq(grove_value_unpack(&v, bytes, 1 << 20, &err), -EBADMSG);
	cr_assert(strstr(err.text, "nested too deep at byte 33"), "%s", err.text);
	memset(bytes, 0x81, 1 << 20);
	cr_assert_eq(grove_value_unpack(&v, bytes, 1 << 20, &err), -EBADMSG);
	cr_assert(strstr(err.text, "nested too deep"), "%s", err.text);
	for (int depth = 1; depth < 40; depth++) {
		memset(bytes, 0x91, 100);
		bytes[depth] = 0xc0;
		cr_assert_eq(grove_value_unpack(&v, bytes, (size_t)depth + 1, &err),
			     depth <= GROVE_VALUE_DEPTH + 2 ? 0 : -EBADMSG, "%d", depth);
		grove_value_release(&v);
	}
	/* Two arrays that are fine each, and too many together. */
	bytes[size++] = 0x92;
	for (int i = 0; i < 2; i++) {
		memcpy(bytes + size, "\xdd\0\x0c\0\0", 5);
		size += 5;
		memset(bytes + size, 0xc0, 0x0c0000);
		size += 0x0c0000;
	}
	cr_assert_eq(grove_value_unpack(&v, bytes, size, &err), -EBADMSG);
	cr_assert_str_eq(err.text, "more than 1048576 values");
}

Test(wire_value, what_msgpack_has_besides)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_value_ struct grove_value v = grove_nil();

	/* A float of four bytes, the largest int as unsigned, and a key that is there twice. */
	cr_assert_eq(grove_value_unpack(&v, "\xca\x3f\0\0\0", 5, &err), 0);
	cr_assert_eq(grove_value_float(&v, 0), 0.5);
	cr_assert_eq(grove_value_unpack(&v, "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, &err), 0);
	cr_assert_eq(grove_value_int(&v, 0), INT64_MAX);
	cr_assert_eq(grove_value_unpack(&v, "\x82\xa1k\1\xa1k\2", 7, &err), 0);
	cr_assert_eq(grove_value_int(grove_value_find(&v, "k"), 0), 1);
}

Test(wire_value, random_bytes_are_a_value_or_an_error)
{
	_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;
	_grove_value_ struct grove_value v = zoo();
	unsigned int seed = 7;
	size_t fine = 0;

	cr_assert_eq(grove_value_pack(&buf, &v, NULL), 0);
	for (int round = 0; round < 20000; round++) {
		size_t size = grove_buf_size(&buf) - (size_t)rand_r(&seed) % 3;
		_grove_free_ uint8_t *copy = grove_alloc(size, 1);
		_grove_value_ struct grove_value got = grove_nil();
		_grove_error_ struct grove_error err = GROVE_ERROR_INIT;

		memcpy(copy, grove_buf_data(&buf), size);
		for (int i = rand_r(&seed) % 4; i >= 0; i--)
			copy[(size_t)rand_r(&seed) % size] = (uint8_t)rand_r(&seed);
		if (grove_value_unpack(&got, copy, size, &err) == 0) {
			round_trip(&got);
			fine++;
		} else {
			cr_assert_neq(err.text[0], 0);
		}
	}
	cr_assert_gt(fine, 100);
	cr_assert_lt(fine, 19900);
}

Test(wire_value, every_cut_is_an_error)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;
	_grove_value_ struct grove_value v = zoo(), got = grove_nil();

	cr_assert_eq(grove_value_pack(&buf, &v, &err), 0);
	for (size_t size = 0; size < grove_buf_size(&buf); size++) {
		_grove_free_ uint8_t *copy = grove_alloc(size + 1, 1);

		memcpy(copy, grove_buf_data(&buf), size);
		cr_assert_eq(grove_value_unpack(&got, copy, size, &err), -EBADMSG, "%zu", size);
	}
}

Test(wire_uid, made_and_checked)
{
	static const char good[] = "01234567-89ab-4cde-8f01-23456789abcd";
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_uid a, b, none = { .name = "" };
	char text[GROVE_UID_TEXT], name[GROVE_NAME_SIZE + 1] = "", bad[40];

	cr_assert_eq(grove_uid_new(&a, "worker-1.x:y_z", &err), 0, "%s", err.text);
	cr_assert_eq(grove_uid_new(&b, "worker-1.x:y_z", &err), 0);
	cr_assert_not(grove_uid_equal(&a, &b));
	cr_assert_eq(a.uuid[14], '4');
	cr_assert(strchr("89ab", a.uuid[19]));
	cr_assert_eq(grove_uid_set(&b, a.name, a.uuid, &err), 0);
	cr_assert(grove_uid_equal(&a, &b));
	cr_assert_eq(grove_uid_set(&b, "other", a.uuid, &err), 0);
	cr_assert_not(grove_uid_equal(&a, &b));
	cr_assert_eq(grove_uid_set(&b, "w", good, &err), 0);
	cr_assert_str_eq(grove_uid_print(&b, text), "w.01234567");
	cr_assert_str_eq(grove_uid_print(&none, text), "nobody");
	cr_assert_not(grove_uid_is_set(&none));

	memset(name, 'n', GROVE_NAME_SIZE - 1);
	cr_assert_eq(grove_uid_new(&a, name, &err), 0);
	cr_assert_eq(strlen(grove_uid_print(&a, text)), GROVE_NAME_SIZE - 1 + 9);
	strcat(name, "n");
	for (const char **n = (const char *[]){ "", name, "a b", "a/b", "a\n", "\xc3\xa4", NULL };
	     *n; n++)
		cr_assert_eq(grove_uid_new(&a, *n, &err), -EINVAL, "\"%s\"", *n);
	for (size_t i = 0; i < 37; i++) {
		memcpy(bad, good, sizeof(good));
		bad[i] = i == 8 ? '0' : i == 36 ? '0' : 'G';
		bad[37] = 0;
		cr_assert_eq(grove_uid_set(&a, "w", bad, &err), -EINVAL, "%s", bad);
		bad[i] = 0;
		cr_assert_eq(grove_uid_set(&a, "w", bad, &err), i == 36 ? 0 : -EINVAL, "%s", bad);
	}
	cr_assert_eq(grove_uid_set(&a, "w", "01234567-89AB-4cde-8f01-23456789abcd", &err), -EINVAL,
		     "one spelling");
	cr_assert_eq(grove_uid_set(&a, "", good, &err), -EINVAL);
}

Test(wire_buf, is_a_queue_of_bytes)
{
	_grove_buf_ struct grove_buf buf = GROVE_BUF_INIT;
	unsigned int seed = 3;
	uint8_t in = 0, out = 0, piece[700];
	size_t there = 0;

	for (int round = 0; round < 20000; round++) {
		size_t add = (size_t)rand_r(&seed) % sizeof(piece);
		size_t take = (size_t)rand_r(&seed) % sizeof(piece);

		for (size_t i = 0; i < add; i++)
			piece[i] = in++;
		grove_buf_add(&buf, piece, add);
		there += add;
		take = take < there ? take : there;
		for (size_t i = 0; i < take; i++)
			cr_assert_eq((uint8_t)grove_buf_data(&buf)[i], out++);
		grove_buf_take(&buf, take);
		there -= take;
		cr_assert_eq(grove_buf_size(&buf), there);
	}
	/* Room stays within a small factor of what was there at most. */
	cr_assert_lt(buf.room, 1 << 21);
	grove_buf_add(&buf, piece, 300);
	grove_buf_take(&buf, grove_buf_size(&buf));
	grove_buf_reserve(&buf, 1 << 20);
	grove_buf_grow(&buf, 1 << 20);
	grove_buf_take(&buf, 1 << 20);
	cr_assert_eq(buf.room, 0, "a large buffer that is empty is given back");
	grove_buf_add(&buf, "abc", 3);
	grove_buf_cut(&buf, 5);
	cr_assert_eq(grove_buf_size(&buf), 3);
	grove_buf_cut(&buf, 1);
	cr_assert_eq(grove_buf_size(&buf), 1);
}
