/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/jsonw.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * The key, with room for `more` bytes of the value behind it: one look at the buffer an element,
 * because these few bytes are half of a document. Returns where the value goes.
 */
static char *start(struct jsonw *w, const char *key, size_t more)
{
	size_t n = key ? strlen(key) : 0;
	char *to;

	strbuf_reserve(w->out, n + 4 + more);
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
	return to;
}

/* What was written ends here. */
static void end(struct jsonw *w, char *to)
{
	*to = '\0';
	w->out->len = (size_t)(to - w->out->s);
}

void jsonw_open(struct jsonw *w, const char *key, char bracket)
{
	char *to = start(w, key, 1);

	*to++ = bracket;
	end(w, to);
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

/* How many bytes of `s` stand for themselves. */
static size_t plain_length(const char *s, size_t n)
{
	size_t i = 0;

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

void jsonw_stringn(struct jsonw *w, const char *key, const char *value, size_t n)
{
	size_t from = plain_length(value, n);
	char *to = start(w, key, from + 2);

	*to++ = '"';
	to = mempcpy(to, value, from);
	if (from == n) {
		*to++ = '"';
		end(w, to);
		return;
	}
	end(w, to);
	while (from < n) {
		size_t plain = plain_length(value + from, n - from);

		strbuf_addn(w->out, value + from, plain);
		from += plain;
		if (from < n)
			from += put_special(w->out, value + from, n - from);
	}
	strbuf_addc(w->out, '"');
}

void jsonw_string(struct jsonw *w, const char *key, const char *value)
{
	if (value)
		jsonw_stringn(w, key, value, strlen(value));
	else
		jsonw_null(w, key);
}

void jsonw_uint(struct jsonw *w, const char *key, uint64_t value)
{
	end(w, strbuf_put_number(start(w, key, STRBUF_DIGITS), value));
}

void jsonw_int(struct jsonw *w, const char *key, int64_t value)
{
	char *to = start(w, key, STRBUF_DIGITS + 1);

	if (value < 0)
		*to++ = '-';
	end(w, strbuf_put_number(to, value < 0 ? -(uint64_t)value : (uint64_t)value));
}

/* A word that needs no quotes. */
static void put_word(struct jsonw *w, const char *key, const char *word, size_t n)
{
	end(w, mempcpy(start(w, key, n), word, n));
}

void jsonw_real(struct jsonw *w, const char *key, double value)
{
	char text[512];
	int n = isfinite(value) ? snprintf(text, sizeof(text), "%.3f", value) : 0;

	if (n > 0)
		put_word(w, key, text, (size_t)n);
	else
		jsonw_null(w, key);
}

void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
	if (value)
		put_word(w, key, "true", 4);
	else
		put_word(w, key, "false", 5);
}

void jsonw_null(struct jsonw *w, const char *key)
{
	put_word(w, key, "null", 4);
}

void jsonw_id(struct jsonw *w, const char *key, char letter, uint32_t id)
{
	char *to;

	if (!id) {
		jsonw_null(w, key);
		return;
	}
	to = start(w, key, STRBUF_DIGITS + 3);
	*to++ = '"';
	*to++ = letter;
	to = strbuf_put_number(to, id);
	*to++ = '"';
	end(w, to);
}

void jsonw_raw(struct jsonw *w, const char *key, const char *value)
{
	put_word(w, key, value, strlen(value));
}
