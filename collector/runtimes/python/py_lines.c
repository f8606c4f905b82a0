/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py_lines.h"

#include <stdbool.h>

/* co_lnotab of 3.9: Objects/lnotab_notes.txt there. */
static int64_t line_39(const uint8_t *t, size_t len, int64_t line, int64_t offset)
{
	int64_t at = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		at += t[i];
		if (at > offset)
			break;
		line += (int8_t)t[i + 1];
	}
	return line;
}

/* co_linetable of 3.10: PEP 626, Objects/lnotab_notes.txt there. -128: no line. */
static int64_t line_310(const uint8_t *t, size_t len, int64_t line, int64_t offset)
{
	int64_t end = 0;

	for (size_t i = 0; i + 1 < len; i += 2) {
		int8_t delta = (int8_t)t[i + 1];

		end += t[i];
		if (delta != -128)
			line += delta;
		if (offset < end)
			return delta == -128 ? 0 : line;
	}
	return 0;
}

/* Where one is in a table of 3.11 and later. */
struct cursor {
	const uint8_t *t;
	size_t at, len;
};

static uint64_t varint(struct cursor *c)
{
	uint64_t v = 0;

	for (uint32_t shift = 0; c->at < c->len && shift < 36; shift += 6) {
		uint8_t b = c->t[c->at++];

		v |= (uint64_t)(b & 63) << shift;
		if (!(b & 64))
			break;
	}
	return v;
}

static int64_t svarint(struct cursor *c)
{
	uint64_t v = varint(c);

	return v & 1 ? -(int64_t)(v >> 1) : (int64_t)(v >> 1);
}

/* The line delta of an entry of `kind`; the rest of the entry is what has bit 7 clear. */
static int64_t delta_of(struct cursor *c, uint32_t kind)
{
	if (kind == 13 || kind == 14)
		return svarint(c);
	return kind >= 10 && kind <= 12 ? kind - 10 : 0;
}

/* Objects/locations.md: 1kkkklll, l + 1 instructions of two bytes, then by kind. */
static int64_t line_311(const uint8_t *t, size_t len, int64_t line, int64_t offset)
{
	struct cursor c = { .t = t, .len = len };
	int64_t end = 0;

	while (c.at < c.len) {
		uint8_t first = t[c.at++];
		uint32_t kind = first >> 3 & 15;

		if (!(first & 0x80))
			return 0;
		end += ((first & 7) + 1) * 2;
		line += delta_of(&c, kind);
		if (offset < end)
			return kind == 15 ? 0 : line;
		while (c.at < c.len && !(t[c.at] & 0x80))
			c.at++;
	}
	return 0;
}

uint32_t py_line(uint32_t minor, const uint8_t *table, size_t len, uint32_t first, int64_t offset)
{
	int64_t line;

	if (offset < 0)
		return first;
	if (minor < 10)
		line = line_39(table, len, first, offset);
	else if (minor == 10)
		line = line_310(table, len, first, offset);
	else
		line = line_311(table, len, first, offset);
	return line > 0 && line <= INT32_MAX ? (uint32_t)line : 0;
}
