/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/jsonw.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Room for `more` bytes of a value, and where it goes. */
static char *start(struct jsonw *w, size_t more)
{
	strbuf_reserve(w->out, more);
	return w->out->s + w->out->len;
}

/* What was written ends here. */
static void end(struct jsonw *w, char *to)
{
	*to = '\0';
	w->out->len = (size_t)(to - w->out->s);
}

void jsonw_put_open(struct jsonw *w, char bracket)
{
	strbuf_addc(w->out, bracket);
	w->comma = false;
}

void jsonw_close(struct jsonw *w, char bracket)
{
	strbuf_addc(w->out, bracket);
	w->comma = true;
}

void jsonw_newline(struct jsonw *w)
{
	if (w->comma)
		strbuf_addc(w->out, ',');
	w->comma = false;
	strbuf_addc(w->out, '\n');
}

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The same in each byte of a word. */
static const uint64_t ONES = 0x0101010101010101ull, HIGH = 0x8080808080808080ull;

/* The highest bit of some byte, if one of `word` is 0 (Mycroft's test). */
static uint64_t has_zero(uint64_t word)
{
	return (word - ONES) & ~word & HIGH;
}

/* Are these eight all plain? True is certain. */
static bool are_plain(const char *s)
{
	uint64_t word;

	memcpy(&word, s, sizeof(word));
	return !((((word - 0x20 * ONES) | (word + ONES) | word) & HIGH) |
		 has_zero(word ^ '"' * ONES) | has_zero(word ^ '\\' * ONES));
}

/* How many bytes of `s` stand for themselves. */
static size_t plain_length(const char *s, size_t n)
{
	size_t i = 0;

	while (n - i >= sizeof(uint64_t) && are_plain(s + i))
		i += sizeof(uint64_t);
	while (i < n && is_plain((unsigned char)s[i]))
		i++;
	return i;
}

/* One character that is not plain; returns its length. */
static size_t put_special(struct strbuf *out, const char *s, size_t n)
{
	size_t used;
	uint32_t code = utf8_next(s, n, &used);

	switch (code) {
	case '"':
		strbuf_addn(out, "\\\"", 2);
		break;
	case '\\':
		strbuf_addn(out, "\\\\", 2);
		break;
	case '\n':
		strbuf_addn(out, "\\n", 2);
		break;
	case '\t':
		strbuf_addn(out, "\\t", 2);
		break;
	case UTF8_BAD:
		strbuf_addn(out, "\xef\xbf\xbd", 3);
		break;
	default:
		/* C1 and the line separators too: the document may end up on a terminal. */
		if (code < 0xa0 || code == 0x2028 || code == 0x2029)
			strbuf_addf(out, "\\u%04x", code);
		else
			strbuf_addn(out, s, used);
	}
	return used;
}

void jsonw_put_text(struct jsonw *w, const char *text, size_t n)
{
	size_t from = plain_length(text, n);
	char *to = start(w, from + 2);

	*to++ = '"';
	to = mempcpy(to, text, from);
	if (from == n) {
		*to++ = '"';
		end(w, to);
		return;
	}
	end(w, to);
	while (from < n) {
		size_t plain = plain_length(text + from, n - from);

		strbuf_addn(w->out, text + from, plain);
		from += plain;
		if (from < n)
			from += put_special(w->out, text + from, n - from);
	}
	strbuf_addc(w->out, '"');
}

void jsonw_put_uint(struct jsonw *w, uint64_t value)
{
	end(w, strbuf_put_number(start(w, STRBUF_DIGITS), value));
}

void jsonw_put_int(struct jsonw *w, int64_t value)
{
	char *to = start(w, STRBUF_DIGITS + 1);

	if (value < 0)
		*to++ = '-';
	end(w, strbuf_put_number(to, value < 0 ? -(uint64_t)value : (uint64_t)value));
}

void jsonw_put_id(struct jsonw *w, char letter, uint32_t id)
{
	char *to = start(w, STRBUF_DIGITS + 3);

	if (!id) {
		end(w, mempcpy(to, "null", 4));
		return;
	}
	*to++ = '"';
	*to++ = letter;
	to = strbuf_put_number(to, id);
	*to++ = '"';
	end(w, to);
}

void jsonw_real(struct jsonw *w, const char *key, double value)
{
	char text[512];
	int n = isfinite(value) ? snprintf(text, sizeof(text), "%.3f", value) : 0;

	jsonw_key(w, key);
	if (n > 0)
		strbuf_addn(w->out, text, (size_t)n);
	else
		strbuf_addn(w->out, "null", 4);
}

void jsonw_raw(struct jsonw *w, const char *key, const char *value)
{
	jsonw_key(w, key);
	strbuf_addn(w->out, value, strlen(value));
}
