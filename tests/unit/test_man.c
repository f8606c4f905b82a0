/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The man pages and the tables of the program say the same: every option is documented with its
 * letter and its argument, and none that there is not.
 */
#include "viewer/cmd.h"

#include "model/model.h"

#include <criterion/criterion.h>

/* A man page, whole. */
static char *page(const char *name)
{
	_cleanup_free_ char *path = xasprintf("docs/man/%s.1", name);
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	char *text = xcalloc(65536, 1);

	cr_assert_not_null(file, "%s", path);
	cr_assert_lt(fread(text, 1, 65535, file), 65535);
	return text;
}

/* ".It Fl o , -output Ar FILE", as the page must say it. */
static void item(const struct opt *row, struct strbuf *b)
{
	strbuf_adds(b, "\n.It Fl ");
	if (row->letter)
		strbuf_addf(b, "%c , ", row->letter);
	strbuf_addf(b, "-%s", row->name);
	if (row->type != OPT_FLAG && row->type != OPT_COUNT)
		strbuf_addf(b, " Ar %s", row->arg);
	strbuf_addc(b, '\n');
}

struct check {
	const char *name;
	const char *text;
	int count;
};

static void check_row(const struct opt *row, void *data)
{
	struct check *c = data;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	item(row, &line);
	cr_assert_not_null(strstr(c->text, line.s), "%s.1 lacks %s", c->name, line.s + 1);
	c->count++;
}

static void check_page(const char *name, const struct opt_table *tables)
{
	_cleanup_free_ char *text = page(name);
	struct check check = { .name = name, .text = text };

	opts_each(tables, check_row, &check);
	for (const char *p = text; (p = strstr(p, "\n.It Fl ")); p++)
		check.count--;
	cr_assert_eq(check.count, 0, "%s.1 documents %d options too many", name, -check.count);
}

Test(man, every_page_has_the_options_of_its_command)
{
	check_page("snag", main_tables);
	for (size_t i = 0; i < command_count; i++) {
		_cleanup_free_ char *name = xasprintf("snag-%s", commands[i]->name);

		check_page(name, commands[i]->tables);
	}
}

Test(man, every_command_is_in_the_first_page)
{
	_cleanup_free_ char *text = page("snag");

	for (size_t i = 0; i < command_count; i++) {
		_cleanup_free_ char *item = xasprintf("\n.It Cm %s\n", commands[i]->name);

		cr_assert_not_null(strstr(text, item), "%s", commands[i]->name);
	}
}

static void has_word(const char *text, const char *word)
{
	_cleanup_free_ char *item = xasprintf("\n.It Cm %s\n", word);

	cr_assert_not_null(strstr(text, item), "snag-why.1 lacks %s", word);
}

Test(man, every_word_of_the_document_is_explained)
{
	_cleanup_free_ char *text = page("snag-why"), *tree = page("snag-tree");

	for (int i = 0; i < WAIT_TYPE_COUNT; i++)
		has_word(text, wait_type_name((enum wait_type)i));
	for (int i = 0; i < VERDICT_KIND_COUNT; i++)
		has_word(text, verdict_kind_name((enum verdict_kind)i));
	for (int i = SPAWN_UNKNOWN + 1; i < SPAWN_METHOD_COUNT; i++)
		has_word(tree, spawn_method_name((enum spawn_method)i));
}

/* ---- completion, from the same tables -----------------------------------------------------------
 */

static void completes(const char *shell, const char *option, const char *choice)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	cr_assert(completion_write(shell, &out));
	cr_assert_not_null(strstr(out.s, option), "%s: %s", shell, option);
	cr_assert_not_null(strstr(out.s, choice), "%s: %s", shell, choice);
	for (size_t i = 0; i < command_count; i++)
		cr_assert_not_null(strstr(out.s, commands[i]->name), "%s", commands[i]->name);
}

Test(completion, scripts_know_options_and_choices)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	completes("bash", "--redact", "auto bpf procfs");
	completes("zsh", "'--redact[", ":reader:(auto bpf procfs)");
	completes("fish", "-l redact", "-xa 'auto bpf procfs'");
	cr_assert_not(completion_write("tcsh", &out));
}

static void parses(const char *shell, const char *command)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	FILE *pipe = popen(command, "w");

	cr_assert_not_null(pipe);
	cr_assert(completion_write(shell, &out));
	cr_assert_eq(fwrite(out.s, 1, out.len, pipe), out.len);
	cr_assert_eq(pclose(pipe), 0, "%s does not like its script", shell);
}

Test(completion, shells_that_are_here_can_read_their_scripts)
{
	parses("bash", "bash -n");
	parses("zsh", "if command -v zsh >/dev/null; then zsh -n; else cat >/dev/null; fi");
	parses("fish", "if command -v fish >/dev/null; then fish -n; else cat >/dev/null; fi");
}

/* What bash would offer for a line, as it is typed. */
static void offers(const char *words, const char *expected)
{
	_cleanup_strbuf_ struct strbuf script = STRBUF_INIT;
	_cleanup_free_ char *end =
		xasprintf("COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); "
			  "_snag; [[ \" ${COMPREPLY[*]} \" == *' %s '* ]]\n",
			  words, expected);
	FILE *pipe = popen("bash", "w");

	cr_assert_not_null(pipe);
	completion_write("bash", &script);
	strbuf_adds(&script, end);
	cr_assert_eq(fwrite(script.s, 1, script.len, pipe), script.len);
	cr_assert_eq(pclose(pipe), 0, "%s: no %s", words, expected);
}

Test(completion, bash_offers)
{
	offers("snag tr", "tree");
	offers("snag --ver", "--version");
	offers("snag why --red", "--redact");
	offers("snag why --reader ''", "procfs");
	offers("snag tree -r b", "bpf");
	offers("snag stacks --fol", "--folded");
	offers("snag dump --output doc", "docs");
}
