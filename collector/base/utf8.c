/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/utf8.h"

uint32_t utf8_next(const char *s, size_t n, size_t *used)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *p = (const unsigned char *)s;
	uint32_t code;
	size_t length;

	*used = 1;
	if (p[0] < 0x80)
		return p[0];
	length = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || length > n)
		return UTF8_BAD;
	code = p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return UTF8_BAD;
		code = code << 6 | (p[i] & 0x3fu);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return UTF8_BAD;
	*used = length;
	return code;
}
