/* SPDX-License-Identifier: BSD-2-Clause */
#include "clean.h"

#include "base/utf8.h"

#include <langinfo.h>
#include <string.h>
#include <wchar.h>

/* Format and bidirectional controls, separators and private use: invisible, or a way to lie about
 * order. */
static bool is_treacherous(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f },	    { 0x7f, 0x9f },	{ 0xad, 0xad },	       { 0x61c, 0x61c },
		{ 0x115f, 0x1160 }, { 0x180e, 0x180e }, { 0x200b, 0x200f },    { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xd800, 0xf8ff },    { 0xfe00, 0xfe0f },
		{ 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

void clean_add(struct strbuf *out, const char *s, bool utf8)
{
	size_t left = strlen(s);

	while (left > 0) {
		size_t used;
		uint32_t code = utf8_next(s, left, &used);

		if (code == UTF8_BAD || (code < 0x80 && is_treacherous(code)))
			strbuf_addf(out, "\\x%02x", (unsigned char)*s);
		else if (code < 0x80 || (utf8 && !is_treacherous(code)))
			strbuf_addn(out, s, used);
		else
			strbuf_addf(out, code > 0xffff ? "\\U%08x" : "\\u%04x", code);
		s += used;
		left -= used;
	}
}

bool clean_locale_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int clean_width(const char *s, size_t n)
{
	int columns = 0;

	while (n > 0) {
		size_t used;
		uint32_t code = utf8_next(s, n, &used);
		int width = code < 0x80 ? 1 : wcwidth((wchar_t)code);

		columns += width < 0 ? 1 : width;
		s += used;
		n -= used;
	}
	return columns;
}
