/* SPDX-License-Identifier: BSD-2-Clause */
#include "opts.h"

#include <errno.h>
#include <string.h>

/* A row with the field it sets. */
struct found {
	const struct opt *row;
	void *field;
};

bool opts_number(const char *text, int32_t *value)
{
	int64_t n = 0;

	if (!*text)
		return false;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		n = n * 10 + (*p - '0');
		if (n > INT32_MAX)
			return false;
	}
	*value = (int32_t)n;
	return n > 0;
}

/* Levenshtein's distance, words cut at 31 letters. */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[32], n = (unsigned int)strnlen(b, 31);

	for (unsigned int j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned int i = 0; i < 31 && a[i]; i++) {
		unsigned int diagonal = row[0];

		row[0] = i + 1;
		for (unsigned int j = 1; j <= n; j++) {
			unsigned int best = diagonal + (a[i] != b[j - 1]);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

const char *opts_nearest(const char *word, const char *const *words, size_t count)
{
	const char *nearest = NULL;
	unsigned int best = 3;

	for (size_t i = 0; i < count; i++) {
		unsigned int d = distance(word, words[i]);

		if (d < best && d < strlen(words[i])) {
			best = d;
			nearest = words[i];
		}
	}
	return nearest;
}

void opts_each(const struct opt_table *tables, void (*visit)(const struct opt *row, void *data),
	       void *data)
{
	for (const struct opt_table *t = tables; t->rows; t++)
		for (const struct opt *row = t->rows; row->name; row++)
			visit(row, data);
}

static bool find(const struct opt_target *target, char letter, const char *name, struct found *ret)
{
	for (const struct opt_table *t = target->tables; t->rows; t++) {
		for (const struct opt *row = t->rows; row->name; row++) {
			if (name ? strcmp(row->name, name) != 0 : row->letter != letter)
				continue;
			ret->row = row;
			ret->field = (char *)target->fields + t->base + row->offset;
			return true;
		}
	}
	return false;
}

struct names {
	const char *at[64];
	size_t count;
};

static void collect_name(const struct opt *row, void *data)
{
	struct names *names = data;

	if (names->count < sizeof(names->at) / sizeof(*names->at))
		names->at[names->count++] = row->name;
}

static int unknown_name(const struct opt_target *target, const char *name, struct snag_error *err)
{
	struct names names = { .count = 0 };

	opts_each(target->tables, collect_name, &names);
	const char *near = opts_nearest(name, names.at, names.count);
	if (near)
		return error_set(err, -EINVAL, "unknown option --%s, did you mean --%s?", name,
				 near);
	return error_set(err, -EINVAL, "unknown option --%s", name);
}

static bool takes_value(const struct opt *row)
{
	return row->type != OPT_FLAG && row->type != OPT_COUNT;
}

static bool is_choice(const char *words, const char *value)
{
	size_t length = strlen(value);

	if (strchr(value, '|'))
		return false;
	for (const char *w = words; length && w; w = strchr(w, '|')) {
		w += *w == '|';
		if (strncmp(w, value, length) == 0 && (w[length] == '|' || !w[length]))
			return true;
	}
	return false;
}

static int set_number(const struct found *f, const char *value, struct snag_error *err)
{
	int32_t number;

	if (!opts_number(value, &number))
		return error_set(err, -EINVAL, "--%s takes a number above 0, not \"%s\"",
				 f->row->name, value);
	if (f->row->type == OPT_PID)
		*(int32_t *)f->field = number;
	else
		*vec_push(&((struct opt_pids *)f->field)->list) = number;
	return 0;
}

static int set(struct opt_target *target, const struct found *f, const char *value,
	       struct snag_error *err)
{
	target->seen |= f->row->bit;
	switch (f->row->type) {
	case OPT_FLAG:
		*(bool *)f->field = true;
		return 0;
	case OPT_COUNT:
		++*(int *)f->field;
		return 0;
	case OPT_CHOICE:
		if (!is_choice(f->row->arg, value))
			return error_set(err, -EINVAL, "--%s takes %s, not \"%s\"", f->row->name,
					 f->row->arg, value);
		/* fall through */
	case OPT_STRING:
		if (!*value)
			return error_set(err, -EINVAL, "--%s takes a %s that is not empty",
					 f->row->name, f->row->arg);
		*(const char **)f->field = value;
		return 0;
	case OPT_PID:
	case OPT_PIDS:
		return set_number(f, value, err);
	}
	return 0;
}

/* "--name", "--name=value" or "--name" "value"; *used is how many words that was. */
static int parse_long(struct opt_target *target, int left, char **argv, int *used,
		      struct snag_error *err)
{
	char name[64];
	const char *word = argv[0] + 2, *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	struct found f;

	if (length >= sizeof(name))
		length = sizeof(name) - 1;
	memcpy(name, word, length);
	name[length] = '\0';
	*used = 1;
	if (!find(target, 0, name, &f))
		return unknown_name(target, name, err);
	if (!takes_value(f.row)) {
		if (equals)
			return error_set(err, -EINVAL, "--%s takes no value", name);
		return set(target, &f, NULL, err);
	}
	if (equals)
		return set(target, &f, equals + 1, err);
	if (left < 2)
		return error_set(err, -EINVAL, "--%s needs a value: %s", name, f.row->arg);
	*used = 2;
	return set(target, &f, argv[1], err);
}

/* "-qv", "-oFILE" or "-o" "FILE". */
static int parse_short(struct opt_target *target, int left, char **argv, int *used,
		       struct snag_error *err)
{
	struct found f;

	*used = 1;
	for (const char *p = argv[0] + 1; *p; p++) {
		if (!find(target, *p, NULL, &f))
			return error_set(err, -EINVAL, "unknown option %s", argv[0]);
		if (!takes_value(f.row)) {
			int rc = set(target, &f, NULL, err);

			if (rc < 0)
				return rc;
			continue;
		}
		if (p[1])
			return set(target, &f, p + 1, err);
		if (left < 2)
			return error_set(err, -EINVAL, "-%c needs a value: %s", *p, f.row->arg);
		*used = 2;
		return set(target, &f, argv[1], err);
	}
	return 0;
}

/* The first given option whose bit is in `mask`, for the sentence about two that exclude each
 * other. */
static const char *name_in(const struct opt_target *target, uint32_t mask)
{
	for (const struct opt_table *t = target->tables; t->rows; t++)
		for (const struct opt *row = t->rows; row->name; row++)
			if (row->bit & mask & target->seen)
				return row->name;
	return NULL;
}

static int check_exclusions(const struct opt_target *target, struct snag_error *err)
{
	for (const struct opt_table *t = target->tables; t->rows; t++) {
		for (const struct opt *row = t->rows; row->name; row++) {
			const char *other;

			if (!(row->bit & target->seen))
				continue;
			other = name_in(target, row->excludes);
			if (other)
				return error_set(err, -EINVAL, "--%s and --%s exclude each other",
						 row->name, other);
		}
	}
	return 0;
}

int opts_parse(struct opt_target *target, int argc, char **argv, struct opt_args *ret,
	       struct snag_error *err)
{
	int kept = 0;

	for (int i = 0, used, rc; i < argc; i += used) {
		char *word = argv[i];

		if (strcmp(word, "--") == 0) {
			while (++i < argc)
				argv[kept++] = argv[i];
			break;
		}
		used = 1;
		if (word[0] != '-' || !word[1]) {
			argv[kept++] = word;
			continue;
		}
		rc = word[1] == '-' ? parse_long(target, argc - i, argv + i, &used, err) :
				      parse_short(target, argc - i, argv + i, &used, err);
		if (rc < 0)
			return rc;
	}
	ret->args = argv;
	ret->count = kept;
	return check_exclusions(target, err);
}

void opts_release(const struct opt_target *target)
{
	for (const struct opt_table *t = target->tables; t->rows; t++)
		for (const struct opt *row = t->rows; row->name; row++)
			if (row->type == OPT_PIDS)
				vec_release(&((struct opt_pids *)((char *)target->fields + t->base +
								  row->offset))
						     ->list);
}

enum { HELP_COLUMN = 26 };

struct help {
	struct strbuf *out;
	int width;
};

/* The words of `text` from column HELP_COLUMN on, starting in column `at`. */
static void help_words(struct help *h, const char *text, int at)
{
	while (*text) {
		int length = (int)strcspn(text, " ");

		if (at > HELP_COLUMN && at + 1 + length > h->width) {
			strbuf_addc(h->out, '\n');
			at = 0;
		}
		if (at > HELP_COLUMN) {
			strbuf_addc(h->out, ' ');
			at++;
		}
		for (; at < HELP_COLUMN; at++)
			strbuf_addc(h->out, ' ');
		strbuf_addn(h->out, text, (size_t)length);
		at += length;
		text += length;
		text += strspn(text, " ");
	}
	strbuf_addc(h->out, '\n');
}

static void help_row(const struct opt *row, void *data)
{
	struct help *h = data;
	size_t start = h->out->len;

	if (row->letter)
		strbuf_addf(h->out, "  -%c, --%s", row->letter, row->name);
	else
		strbuf_addf(h->out, "      --%s", row->name);
	if (takes_value(row))
		strbuf_addf(h->out, " %s", row->arg);
	int at = (int)(h->out->len - start);
	if (at >= HELP_COLUMN) {
		strbuf_addc(h->out, '\n');
		at = 0;
	}
	help_words(h, row->help, at);
}

void opts_help(const struct opt_table *tables, int width, struct strbuf *out)
{
	struct help help = { .out = out, .width = width };

	opts_each(tables, help_row, &help);
}
