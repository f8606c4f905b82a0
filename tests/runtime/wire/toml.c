/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/wire/toml.h"

#include "runtime/wire/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct keys {
	char *at[GROVE_TOML_DEPTH];
	size_t count;
};

/* How a path came to be: a header, a value, or as part of a dotted key. */
enum how { HEADER, VALUE, DOTTED };

struct known {
	char *path; /* each key with its length before it, so that no two paths look alike */
	enum how how;
};

struct grove_toml {
	const char *name, *at, *end;
	unsigned int line;
	bool checked, in_array, failed;
	size_t index;	   /* in that array */
	struct keys table; /* of the last header */
	struct keys path;  /* of the item */
	struct grove_buf text;
	struct known *known;
	size_t known_count;
};

static void keys_cut(struct keys *keys, size_t count)
{
	while (keys->count > count)
		free(keys->at[--keys->count]);
}

struct grove_toml *grove_toml_new(const char *name, const char *text, size_t size)
{
	struct grove_toml *t = grove_alloc(1, sizeof(*t));

	t->name = name;
	t->at = text;
	t->end = text + size;
	t->line = 1;
	return t;
}

void grove_toml_free(struct grove_toml *t)
{
	if (!t)
		return;
	keys_cut(&t->table, 0);
	keys_cut(&t->path, 0);
	grove_buf_release(&t->text);
	for (size_t i = 0; i < t->known_count; i++)
		free(t->known[i].path);
	free(t->known);
	free(t);
}

int grove_toml_wrong(const struct grove_toml *t, unsigned int line, struct grove_error *err,
		     const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return grove_error_set(err, -EBADMSG, "%s:%u: %s", t->name, line, text);
}

/* ---- characters ------------------------------------------------------------------------------ */

/* How long the UTF-8 character at `p` is, 0 when it is none. RFC 3629, 4. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
	static const unsigned char FIRST[] = { 0xc2, 0xe0, 0xf0, 0xf5 };
	size_t more;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < FIRST[0] || p[0] >= FIRST[3])
		return 0;
	more = 1 + (p[0] >= FIRST[1]) + (p[0] >= FIRST[2]);
	if (left <= more)
		return 0;
	for (size_t i = 1; i <= more; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than needed, a surrogate, beyond U+10FFFF. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90))
		return 0;
	return more + 1;
}

/* Once for the whole text, so that nobody has to ask again: no control characters, valid UTF-8. */
static int check_text(const struct grove_toml *t, struct grove_error *err)
{
	const unsigned char *p = (const unsigned char *)t->at, *end = (const unsigned char *)t->end;
	unsigned int line = 1;

	if (t->end - t->at > GROVE_TOML_BYTES)
		return grove_error_set(err, -EBADMSG, "%s: more than %u bytes", t->name,
				       GROVE_TOML_BYTES);
	while (p < end) {
		size_t length = utf8_length(p, (size_t)(end - p));

		if (!length)
			return grove_toml_wrong(t, line, err, "a byte 0x%02x that is no UTF-8", *p);
		line += *p == '\n';
		if (*p == '\r' && (p + 1 == end || p[1] != '\n'))
			return grove_toml_wrong(t, line, err,
						"a carriage return without a newline");
		if ((*p < ' ' && !strchr("\t\n\r", *p)) || *p == 0 || *p == 0x7f)
			return grove_toml_wrong(t, line, err, "a control character 0x%02x", *p);
		p += length;
	}
	return 0;
}

/* The character that comes; 0 at the end, which cannot be mistaken: the text has none. */
static char peek(const struct grove_toml *t)
{
	return t->at < t->end ? *t->at : 0;
}

static bool starts(const struct grove_toml *t, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(t->end - t->at) >= len && !memcmp(t->at, word, len);
}

static void skip_blanks(struct grove_toml *t)
{
	while (peek(t) == ' ' || peek(t) == '\t')
		t->at++;
}

static void skip_comment(struct grove_toml *t)
{
	skip_blanks(t);
	if (peek(t) == '#')
		while (t->at < t->end && *t->at != '\n')
			t->at++;
	if (peek(t) == '\r')
		t->at++;
}

/* Over blanks, comments and newlines. */
static void skip_lines(struct grove_toml *t)
{
	for (;;) {
		skip_comment(t);
		if (peek(t) != '\n')
			return;
		t->at++;
		t->line++;
	}
}

static int end_of_line(struct grove_toml *t, const char *what, struct grove_error *err)
{
	skip_comment(t);
	if (t->at < t->end && *t->at != '\n')
		return grove_toml_wrong(t, t->line, err, "something follows %s", what);
	return 0;
}

/* ---- strings and keys ------------------------------------------------------------------------ */

static void add_utf8(struct grove_buf *out, uint32_t c)
{
	char b[4];

	if (c < 0x80) {
		b[0] = (char)c;
		grove_buf_add(out, b, 1);
	} else if (c < 0x800) {
		b[0] = (char)(0xc0 | c >> 6);
		b[1] = (char)(0x80 | (c & 0x3f));
		grove_buf_add(out, b, 2);
	} else if (c < 0x10000) {
		b[0] = (char)(0xe0 | c >> 12);
		b[1] = (char)(0x80 | (c >> 6 & 0x3f));
		b[2] = (char)(0x80 | (c & 0x3f));
		grove_buf_add(out, b, 3);
	} else {
		b[0] = (char)(0xf0 | c >> 18);
		b[1] = (char)(0x80 | (c >> 12 & 0x3f));
		b[2] = (char)(0x80 | (c >> 6 & 0x3f));
		b[3] = (char)(0x80 | (c & 0x3f));
		grove_buf_add(out, b, 4);
	}
}

/* \uXXXX or \UXXXXXXXX; t->at is behind the letter. */
static int read_unicode(struct grove_toml *t, int digits, struct grove_error *err)
{
	uint32_t c = 0;

	for (int i = 0; i < digits; i++, t->at++) {
		const char *found = peek(t) ? strchr("0123456789abcdef", peek(t) | 0x20) : NULL;

		/*
		 * |0x20 makes letters small, and control characters something that the text has
		 * not.
		 */
		if (!found)
			return grove_toml_wrong(t, t->line, err, "\\u without %d digits", digits);
		c = c << 4 | (uint32_t)(found - "0123456789abcdef");
	}
	if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return grove_toml_wrong(t, t->line, err, "\\u of no character");
	add_utf8(&t->text, c);
	return 0;
}

/* t->at is behind the backslash. */
static int read_escape(struct grove_toml *t, struct grove_error *err)
{
	static const char LETTERS[] = "btnfr\"\\", MEANT[] = "\b\t\n\f\r\"\\";
	char c = peek(t);
	const char *found = c ? strchr(LETTERS, c) : NULL;

	if (found) {
		grove_buf_add(&t->text, &MEANT[found - LETTERS], 1);
		t->at++;
		return 0;
	}
	if (c != 'u' && c != 'U')
		return grove_toml_wrong(t, t->line, err, "an unknown escape in a string");
	t->at++;
	return read_unicode(t, c == 'u' ? 4 : 8, err);
}

/* A string of either kind, into t->text, terminated. */
static int read_string(struct grove_toml *t, struct grove_error *err)
{
	char quote = *t->at;
	int rc;

	if (starts(t, "\"\"\"") || starts(t, "'''"))
		return grove_toml_wrong(t, t->line, err, "strings of several lines are not read");
	grove_buf_cut(&t->text, 0);
	for (t->at++; peek(t) != quote;) {
		if (!peek(t) || peek(t) == '\n' || peek(t) == '\r')
			return grove_toml_wrong(t, t->line, err, "a string without its end");
		if (quote == '"' && peek(t) == '\\') {
			t->at++;
			rc = read_escape(t, err);
			if (rc < 0)
				return rc;
			continue;
		}
		grove_buf_add(&t->text, t->at++, 1);
	}
	t->at++;
	grove_buf_add(&t->text, "", 1);
	return 0;
}

static size_t bare_length(const struct grove_toml *t)
{
	static const char BARE[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
	size_t len = 0;

	while (t->at + len < t->end && strchr(BARE, t->at[len]))
		len++;
	return len;
}

/* One key, put last in `keys`. */
static int read_key(struct grove_toml *t, struct keys *keys, struct grove_error *err)
{
	size_t bare = bare_length(t);
	int rc;

	if (peek(t) == '"' || peek(t) == '\'') {
		rc = read_string(t, err);
		if (rc < 0)
			return rc;
	} else if (bare) {
		grove_buf_cut(&t->text, 0);
		grove_buf_add(&t->text, t->at, bare);
		grove_buf_add(&t->text, "", 1);
		t->at += bare;
	} else {
		return grove_toml_wrong(t, t->line, err, "a key is expected here");
	}
	if (keys->count == GROVE_TOML_DEPTH)
		return grove_toml_wrong(t, t->line, err, "more than %d keys in a row",
					GROVE_TOML_DEPTH);
	keys->at[keys->count++] = grove_strdup(grove_buf_data(&t->text));
	return 0;
}

/* a.b."c", put last in `keys`. */
static int read_keys(struct grove_toml *t, struct keys *keys, struct grove_error *err)
{
	for (;;) {
		int rc;

		skip_blanks(t);
		rc = read_key(t, keys, err);
		if (rc < 0)
			return rc;
		skip_blanks(t);
		if (peek(t) != '.')
			return 0;
		t->at++;
	}
}

/* ---- nothing is there twice ------------------------------------------------------------------ */

/* The first `count` keys as one text. */
static char *join(const struct keys *keys, size_t count)
{
	_grove_buf_ struct grove_buf out = GROVE_BUF_INIT;
	char length[24];

	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(keys->at[i]);

		snprintf(length, sizeof(length), "%zu:", len);
		grove_buf_add(&out, length, strlen(length));
		grove_buf_add(&out, keys->at[i], len);
	}
	grove_buf_add(&out, "", 1);
	return grove_strdup(grove_buf_data(&out));
}

static const struct known *find(const struct grove_toml *t, const char *path)
{
	for (size_t i = 0; i < t->known_count; i++)
		if (!strcmp(t->known[i].path, path))
			return &t->known[i];
	return NULL;
}

static int remember(struct grove_toml *t, char *path, enum how how, struct grove_error *err)
{
	if (t->known_count == GROVE_TOML_KEYS) {
		free(path);
		return grove_toml_wrong(t, t->line, err, "more than %d keys", GROVE_TOML_KEYS);
	}
	t->known = grove_realloc(t->known, t->known_count + 1, sizeof(*t->known));
	t->known[t->known_count++] = (struct known){ .path = path, .how = how };
	return 0;
}

/*
 * Define what `keys` names, of which the first `given` come from the header: -EBADMSG when it is
 * there, when a part of it is a value, or when a dotted key reaches into another table.
 */
static int define(struct grove_toml *t, const struct keys *keys, size_t given, enum how how,
		  struct grove_error *err)
{
	for (size_t i = 1; i < keys->count; i++) {
		_grove_free_ char *part = join(keys, i);
		const struct known *known = find(t, part);
		int rc;

		if (known && (known->how == VALUE || (known->how == HEADER && i > given)))
			return grove_toml_wrong(t, t->line, err, "'%.60s' is %s already",
						keys->at[i - 1],
						known->how == VALUE ? "a value" : "a table");
		if (!known && how == VALUE && i > given) {
			rc = remember(t, grove_steal(part), DOTTED, err);
			if (rc < 0)
				return rc;
		}
	}
	char *path = join(keys, keys->count);
	size_t len = strlen(path);
	bool there = find(t, path) != NULL;

	/* A value in the place of a table that only its own tables made: [a.b] and then a = 1. */
	for (size_t i = 0; how == VALUE && i < t->known_count && !there; i++)
		there = !strncmp(t->known[i].path, path, len);
	if (there) {
		free(path);
		return grove_toml_wrong(t, t->line, err, "'%.60s' is there twice",
					keys->at[keys->count - 1]);
	}
	return remember(t, path, how, err);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The digits of an integer in `base`, with single underscores between them. False: no integer. */
static bool read_digits(const char *word, size_t len, unsigned int base, uint64_t *ret)
{
	static const char DIGITS[] = "0123456789abcdef";
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		const char *found = strchr(DIGITS, base == 16 ? word[i] | 0x20 : word[i]);

		if (word[i] == '_' && i && i + 1 < len && word[i - 1] != '_')
			continue;
		if (!found || found >= DIGITS + base || __builtin_mul_overflow(n, base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(found - DIGITS), &n))
			return false;
	}
	*ret = n;
	return len > 0;
}

static bool read_integer(const char *word, size_t len, int64_t *ret)
{
	bool minus = len && word[0] == '-', sign = minus || (len && word[0] == '+');
	const char *p = word + sign;
	uint64_t n, most = (uint64_t)INT64_MAX + minus;
	unsigned int base = 10;

	len -= sign;
	if (len > 1 && p[0] == '0') {
		base = p[1] == 'x' ? 16 : p[1] == 'o' ? 8 : p[1] == 'b' ? 2 : 0;
		if (!base || sign)
			return false;
		p += 2;
		len -= 2;
	}
	if (!read_digits(p, len, base, &n) || n > most)
		return false;
	*ret = minus ? (int64_t)(0 - n) : (int64_t)n;
	return true;
}

/* What is neither string nor array: a word up to a blank, comma, bracket, comment or line end. */
static int read_word(struct grove_toml *t, struct grove_toml_item *item, struct grove_error *err)
{
	const char *word = t->at;
	size_t len = 0;

	while (word + len < t->end && !strchr(" \t\r\n,]#", word[len]))
		len++;
	t->at += len;
	item->kind = GROVE_TOML_BOOL;
	item->truth = len == 4 && !memcmp(word, "true", 4);
	if (item->truth || (len == 5 && !memcmp(word, "false", 5)))
		return 0;
	item->kind = GROVE_TOML_INT;
	if (read_integer(word, len, &item->number))
		return 0;
	if (!len)
		return grove_toml_wrong(t, t->line, err, "a value is expected here");
	return grove_toml_wrong(t, t->line, err,
				"'%.*s' is no value (floats and dates are not read)",
				len < 60 ? (int)len : 60, word);
}

static int read_scalar(struct grove_toml *t, struct grove_toml_item *item, struct grove_error *err)
{
	int rc;

	if (peek(t) == '{')
		return grove_toml_wrong(t, t->line, err, "inline tables are not read");
	if (peek(t) == '[')
		return grove_toml_wrong(t, t->line, err, "arrays in arrays are not read");
	item->line = t->line;
	if (peek(t) != '"' && peek(t) != '\'')
		return read_word(t, item, err);
	rc = read_string(t, err);
	item->kind = GROVE_TOML_STR;
	item->text = grove_buf_data(&t->text);
	return rc;
}

/* The next element, or what follows the array: 1, 0. */
static int read_element(struct grove_toml *t, struct grove_toml_item *item, struct grove_error *err)
{
	int rc;

	skip_lines(t);
	if (t->index && peek(t) == ',') {
		t->at++;
		skip_lines(t);
	} else if (t->index && peek(t) != ']') {
		return grove_toml_wrong(t, t->line, err,
					"a comma or the end of the array is expected here");
	}
	item->in_array = true;
	item->index = t->index;
	item->line = t->line;
	if (peek(t) == ']') {
		t->at++;
		t->in_array = false;
		rc = end_of_line(t, "an array", err);
		item->kind = GROVE_TOML_EMPTY;
		return rc < 0 ? rc : t->index == 0;
	}
	if (!peek(t))
		return grove_toml_wrong(t, t->line, err, "an array without its end");
	rc = read_scalar(t, item, err);
	t->index++;
	return rc < 0 ? rc : 1;
}

static int read_header(struct grove_toml *t, struct grove_toml_item *item, struct grove_error *err)
{
	int rc;

	if (starts(t, "[["))
		return grove_toml_wrong(t, t->line, err, "arrays of tables are not read");
	t->at++;
	keys_cut(&t->table, 0);
	rc = read_keys(t, &t->table, err);
	if (rc < 0)
		return rc;
	if (peek(t) != ']')
		return grove_toml_wrong(t, t->line, err, "a header without its ]");
	t->at++;
	rc = define(t, &t->table, t->table.count, HEADER, err);
	if (rc < 0)
		return rc;
	item->kind = GROVE_TOML_TABLE;
	item->line = t->line;
	return end_of_line(t, "a header", err);
}

static int read_pair(struct grove_toml *t, struct grove_toml_item *item, struct grove_error *err)
{
	int rc = read_keys(t, &t->path, err);

	if (rc < 0)
		return rc;
	if (peek(t) != '=')
		return grove_toml_wrong(t, t->line, err, "= is expected after a key");
	t->at++;
	skip_blanks(t);
	rc = define(t, &t->path, t->table.count, VALUE, err);
	if (rc < 0)
		return rc;
	if (peek(t) == '[') {
		t->at++;
		t->in_array = true;
		t->index = 0;
		return read_element(t, item, err);
	}
	rc = read_scalar(t, item, err);
	if (rc < 0)
		return rc;
	rc = end_of_line(t, "a value", err);
	return rc < 0 ? rc : 1;
}

/* t->path becomes that of the table. */
static void path_of_table(struct grove_toml *t)
{
	keys_cut(&t->path, 0);
	for (size_t i = 0; i < t->table.count; i++)
		t->path.at[t->path.count++] = grove_strdup(t->table.at[i]);
}

static int next(struct grove_toml *t, struct grove_toml_item *item, struct grove_error *err)
{
	int rc = 0;

	if (!t->checked)
		rc = check_text(t, err);
	t->checked = true;
	if (rc == 0 && t->in_array)
		rc = read_element(t, item, err);
	if (rc != 0)
		return rc;
	*item = (struct grove_toml_item){ .line = 0 };
	skip_lines(t);
	if (t->at == t->end)
		return 0;
	if (*t->at == '[') {
		rc = read_header(t, item, err);
		path_of_table(t);
		return rc < 0 ? rc : 1;
	}
	path_of_table(t);
	return read_pair(t, item, err);
}

int grove_toml_next(struct grove_toml *t, struct grove_toml_item *item, struct grove_error *err)
{
	struct grove_toml_item found = { .line = 0 };
	int rc;

	if (t->failed)
		return grove_error_set(err, -EBADMSG, "%s: reading it has failed", t->name);
	rc = next(t, &found, err);
	t->failed = rc < 0;
	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < t->path.count; i++)
		found.path[i] = t->path.at[i];
	found.depth = t->path.count;
	*item = found;
	return 1;
}
