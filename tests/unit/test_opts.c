/* SPDX-License-Identifier: BSD-2-Clause */
#include "viewer/cmd.h"
#include "viewer/opts.h"

#include <criterion/criterion.h>
#include <errno.h>

struct fields {
	bool flag, other;
	int count;
	const char *text, *choice;
	int32_t pid;
	struct opt_pids pids;
};

static const struct opt rows[] = {
	{ 'f', "flag", OPT_FLAG, offsetof(struct fields, flag), .bit = 1, .help = "a flag" },
	{ 0, "other", OPT_FLAG, offsetof(struct fields, other), .bit = 2, .excludes = 1,
	  .help = "another" },
	{ 'v', "count", OPT_COUNT, offsetof(struct fields, count), .help = "counts" },
	{ 't', "text", OPT_STRING, offsetof(struct fields, text), "TEXT", .help = "a text" },
	{ 'c', "choice", OPT_CHOICE, offsetof(struct fields, choice), "red|green|blue",
	  .help = "a choice" },
	{ 'p', "pid", OPT_PID, offsetof(struct fields, pid), "PID", .help = "a pid" },
	{ 'a', "also", OPT_PIDS, offsetof(struct fields, pids), "PID", .help = "pids" },
	{ 0 },
};
static const struct opt_table tables[] = { { rows, 0 }, { NULL, 0 } };

enum { WORDS = 16 };

/* A command line in the making, and what came of it. */
struct line {
	char *argv[WORDS];
	int argc;
	struct fields fields;
	struct opt_args args;
	struct snag_error err;
};

/* Parse words separated by blanks; `line` keeps pointers into `words`. */
static int parse(struct line *line, char *words)
{
	struct opt_target target = { .tables = tables, .fields = &line->fields };
	char *save = NULL;

	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		line->argv[line->argc++] = w;
	return opts_parse(&target, line->argc, line->argv, &line->args, &line->err);
}

static void release(struct line *line)
{
	opts_release(&(struct opt_target){ .tables = tables, .fields = &line->fields });
}

#define ACCEPTED(name, words)                                                                      \
	char name##_words[] = words;                                                               \
	_cleanup_(release) struct line name = { .argc = 0 };                                       \
	cr_assert_eq(parse(&name, name##_words), 0, "%s", name.err.text)

static void refused(const char *words, const char *expected)
{
	_cleanup_free_ char *copy = xstrdup(words);
	_cleanup_(release) struct line line = { .argc = 0 };

	cr_assert_eq(parse(&line, copy), -EINVAL, "%s", words);
	cr_assert_str_eq(line.err.text, expected);
}

Test(opts, every_type_in_both_spellings)
{
	ACCEPTED(a, "--flag -v --count --text=x --choice green --pid 7 --also 8 --also=9");
	cr_assert(a.fields.flag);
	cr_assert_eq(a.fields.count, 2);
	cr_assert_str_eq(a.fields.text, "x");
	cr_assert_str_eq(a.fields.choice, "green");
	cr_assert_eq(a.fields.pid, 7);
	cr_assert_eq(a.fields.pids.list.count, 2);
	cr_assert_eq(a.fields.pids.list.at[0], 8);
	cr_assert_eq(a.fields.pids.list.at[1], 9);

	ACCEPTED(b, "-fvvtx -c blue -p7 -a 1 -a2");
	cr_assert(b.fields.flag);
	cr_assert_eq(b.fields.count, 2);
	cr_assert_str_eq(b.fields.text, "x");
	cr_assert_str_eq(b.fields.choice, "blue");
	cr_assert_eq(b.fields.pid, 7);
	cr_assert_eq(b.fields.pids.list.at[1], 2);
}

Test(opts, words_may_stand_anywhere)
{
	ACCEPTED(a, "one -f two -t x three -- -v --no-such");
	cr_assert_eq(a.args.count, 5);
	cr_assert_str_eq(a.args.args[0], "one");
	cr_assert_str_eq(a.args.args[2], "three");
	cr_assert_str_eq(a.args.args[3], "-v");
	cr_assert_str_eq(a.args.args[4], "--no-such");
	cr_assert_eq(a.fields.count, 0);

	ACCEPTED(b, "-");
	cr_assert_eq(b.args.count, 1);
}

Test(opts, each_mistake_has_its_line)
{
	refused("--flg", "unknown option --flg, did you mean --flag?");
	refused("--nothing-like-it", "unknown option --nothing-like-it");
	refused("-fx", "unknown option -fx");
	refused("--flag=1", "--flag takes no value");
	refused("--text", "--text needs a value: TEXT");
	refused("-t", "-t needs a value: TEXT");
	refused("--text=", "--text takes a TEXT that is not empty");
	refused("--choice re", "--choice takes red|green|blue, not \"re\"");
	refused("--choice red|green", "--choice takes red|green|blue, not \"red|green\"");
	refused("--choice=", "--choice takes red|green|blue, not \"\"");
	refused("--pid 0", "--pid takes a number above 0, not \"0\"");
	refused("--pid -1", "--pid takes a number above 0, not \"-1\"");
	refused("--also 99999999999999999999", "--also takes a number above 0, not "
					       "\"99999999999999999999\"");
	refused("--flag --other", "--other and --flag exclude each other");
	refused("--other -f", "--other and --flag exclude each other");
}

Test(opts, numbers)
{
	int32_t n = 5;

	cr_assert(opts_number("2147483647", &n) && n == 2147483647);
	cr_assert(opts_number("007", &n) && n == 7);
	cr_assert_not(opts_number("2147483648", &n));
	cr_assert_not(opts_number("", &n));
	cr_assert_not(opts_number("+1", &n));
	cr_assert_not(opts_number(" 1", &n));
	cr_assert_not(opts_number("1x", &n));
	cr_assert_not(opts_number("0", &n));
}

Test(opts, nearest_word)
{
	static const char *const words[] = { "why", "dump", "tree" };

	cr_assert_str_eq(opts_nearest("tre", words, 3), "tree");
	cr_assert_str_eq(opts_nearest("dmup", words, 3), "dump");
	cr_assert_null(opts_nearest("timeline", words, 3));
	cr_assert_null(opts_nearest("x", words, 3));
}

Test(opts, help_keeps_to_the_width)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	for (size_t i = 0; i < command_count; i++)
		opts_help(commands[i]->tables, 60, &out);
	for (const char *line = out.s; *line; line = strchr(line, '\n') + 1)
		cr_assert_leq(strcspn(line, "\n"), 60, "%.*s", (int)strcspn(line, "\n"), line);
	cr_assert_not_null(strstr(out.s, "  -r, --reader auto|bpf|procfs\n"));
	cr_assert_not_null(strstr(out.s, "      --json              print JSON"));
}

/* The rows of a command in one list, to compare each with each. */
struct list {
	const struct opt *rows[64];
	size_t count;
};

static void collect(const struct opt *row, void *data)
{
	struct list *list = data;

	cr_assert_lt(list->count, 64);
	list->rows[list->count++] = row;
}

Test(opts, no_command_has_an_option_twice)
{
	for (size_t c = 0; c < command_count; c++) {
		struct list list = { .count = 0 };

		opts_each(commands[c]->tables, collect, &list);
		for (size_t i = 0; i < list.count; i++) {
			const struct opt *a = list.rows[i];

			cr_assert(a->help && *a->help, "--%s", a->name);
			for (size_t k = 0; k < i; k++) {
				cr_assert_str_neq(a->name, list.rows[k]->name);
				cr_assert(!a->letter || a->letter != list.rows[k]->letter, "-%c",
					  a->letter);
			}
		}
	}
}
