/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/jsonw.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void escaped(const char *from, const char *to)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct jsonw w = { .out = &out };

	jsonw_string(&w, NULL, from);
	cr_assert_str_eq(out.s, to);
}

Test(jsonw, escapes)
{
	escaped("plain", "\"plain\"");
	escaped("a\"b\\c\n\t", "\"a\\\"b\\\\c\\n\\t\"");
	escaped("\033[31m\x7f", "\"\\u001b[31m\\u007f\"");
	escaped("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
		"\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"");
	escaped("\xc2\x9b", "\"\\u009b\"");
	escaped("\xe2\x80\xa8", "\"\\u2028\"");
}

/* Plain bytes are looked at eight at a time: every byte in every place of a word and behind it. */
Test(jsonw, every_byte_in_every_place)
{
	char text[20], want[40];

	for (int byte = 1; byte < 256; byte++) {
		bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';

		for (size_t at = 0; at < sizeof(text) - 1; at++) {
			_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
			struct jsonw w = { .out = &out };

			memset(text, '~', sizeof(text) - 1);
			text[sizeof(text) - 1] = '\0';
			text[at] = (char)byte;
			snprintf(want, sizeof(want), "\"%s\"", text);
			jsonw_string(&w, NULL, text);
			cr_assert_eq(!strcmp(out.s, want), plain, "byte %d at %zu: %s", byte, at,
				     out.s);
			cr_assert_eq(memcmp(out.s + 1, text, at), 0);
			cr_assert_str_eq(out.s + out.len - sizeof(text) + at + 1, want + at + 2);
		}
	}
}

Test(jsonw, numbers_of_every_length)
{
	uint64_t power = 1;
	char want[32];

	for (int digits = 1; digits <= STRBUF_DIGITS; digits++, power *= 10)
		for (uint64_t value = power - 1; value <= power + 1; value++) {
			_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
			struct jsonw w = { .out = &out };

			snprintf(want, sizeof(want), "%llu", (unsigned long long)value);
			jsonw_uint(&w, NULL, value);
			cr_assert_str_eq(out.s, want);
		}
}

Test(jsonw, what_is_no_utf8_is_replaced_byte_by_byte)
{
	escaped("a\xff"
		"b",
		"\"a\xef\xbf\xbd"
		"b\"");
	escaped("\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	escaped("\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	escaped("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	escaped("\xf5\x80\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

Test(jsonw, numbers)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct jsonw w = { .out = &out };

	jsonw_open(&w, NULL, '[');
	jsonw_int(&w, NULL, INT64_MIN);
	jsonw_uint(&w, NULL, UINT64_MAX);
	jsonw_int(&w, NULL, 0);
	jsonw_real(&w, NULL, 1.5);
	jsonw_real(&w, NULL, (double)NAN);
	jsonw_bool(&w, NULL, true);
	jsonw_id(&w, NULL, 'a', 12);
	jsonw_id(&w, NULL, 'a', 0);
	jsonw_close(&w, ']');
	cr_assert_str_eq(
		out.s,
		"[-9223372036854775808,18446744073709551615,0,1.500,null,true,\"a12\",null]");
}
