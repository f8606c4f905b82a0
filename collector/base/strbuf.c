/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/strbuf.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

void strbuf_grow(struct strbuf *b, size_t more)
{
	size_t want = b->len + more + 1;

	b->cap = want < 2 * b->cap ? 2 * b->cap : want < 64 ? 64 : want;
	b->s = xreallocarray(b->s, b->cap, 1);
}

/* How many digits it has. */
static size_t digits_of(uint64_t value)
{
	size_t n = 1;

	for (; value >= 10000; value /= 10000)
		n += 4;
	return n + (value >= 10) + (value >= 100) + (value >= 1000);
}

char *strbuf_put_number(char *to, uint64_t value)
{
	char *end = to + digits_of(value);

	for (to = end; value >= 10; value /= 10)
		*--to = (char)('0' + value % 10);
	*--to = (char)('0' + value);
	return end;
}

static void add_unsigned(struct strbuf *b, uint64_t value)
{
	char digits[STRBUF_DIGITS] = { 0 };

	strbuf_addn(b, digits, (size_t)(strbuf_put_number(digits, value) - digits));
}

/* The number that %d, %u, %ld, %lu, %lld or %llu stands for; `longs` l have been seen. */
static void add_number(struct strbuf *b, char conversion, int longs, va_list *ap)
{
	int64_t value;

	if (conversion == 'u') {
		add_unsigned(b, longs > 1  ? va_arg(*ap, unsigned long long) :
				longs == 1 ? va_arg(*ap, unsigned long) :
					     va_arg(*ap, unsigned int));
		return;
	}
	value = longs > 1  ? va_arg(*ap, long long) :
		longs == 1 ? va_arg(*ap, long) :
			     va_arg(*ap, int);
	if (value < 0)
		strbuf_addc(b, '-');
	add_unsigned(b, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* Plain %s and decimal numbers. False: there is more in it, and part of the text was added. */
static bool add_plain(struct strbuf *b, const char *fmt, va_list *ap)
{
	for (;;) {
		const char *percent = strchrnul(fmt, '%');
		const char *text;
		int longs = 0;

		strbuf_addn(b, fmt, (size_t)(percent - fmt));
		if (!*percent)
			return true;
		for (fmt = percent + 1; *fmt == 'l' && longs < 2; fmt++)
			longs++;
		if (*fmt == 'd' || *fmt == 'u') {
			add_number(b, *fmt, longs, ap);
		} else if (*fmt == 's' && !longs) {
			text = va_arg(*ap, const char *);
			strbuf_adds(b, text ? text : "(null)");
		} else {
			return false;
		}
		fmt++;
	}
}

__attribute__((format(printf, 2, 0))) static void add_printed(struct strbuf *b, const char *fmt,
							      va_list ap)
{
	va_list again;
	int n;

	strbuf_reserve(b, 64);
	va_copy(again, ap);
	n = vsnprintf(b->s + b->len, b->cap - b->len, fmt, ap);
	if (n >= 0 && (size_t)n >= b->cap - b->len) {
		strbuf_reserve(b, (size_t)n);
		vsnprintf(b->s + b->len, b->cap - b->len, fmt, again);
	}
	va_end(again);
	b->len += n > 0 ? (size_t)n : 0;
	b->s[b->len] = '\0';
}

void strbuf_addv(struct strbuf *b, const char *fmt, va_list ap)
{
	size_t before = b->len;
	va_list plain;

	va_copy(plain, ap);
	if (!add_plain(b, fmt, &plain)) {
		b->len = before;
		add_printed(b, fmt, ap);
	}
	va_end(plain);
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_addv(b, fmt, ap);
	va_end(ap);
}

void strbuf_adds(struct strbuf *b, const char *s)
{
	strbuf_addn(b, s, strlen(s));
}

void strbuf_reset(struct strbuf *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

const char *strbuf_str(const struct strbuf *b)
{
	return b->s ? b->s : "";
}

char *strbuf_steal(struct strbuf *b)
{
	char *s;

	strbuf_reserve(b, 0);
	b->s[b->len] = '\0';
	s = b->s;
	*b = (struct strbuf)STRBUF_INIT;
	return s;
}

void strbuf_release(struct strbuf *b)
{
	free(b->s);
	*b = (struct strbuf)STRBUF_INIT;
}
