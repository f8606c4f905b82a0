/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shell completion from the options tables. Words of the tables hold no quotes except in help,
 * where the shell's own are doubled or left out.
 */
#include "cmd.h"

#include <string.h>

/* A script in the making: for the visitors of the tables. */
struct script {
	struct strbuf *out;
	const char *command; /* NULL: options of snag itself */
};

static bool takes_value(const struct opt *row)
{
	return row->type != OPT_FLAG && row->type != OPT_COUNT;
}

static bool is_file(const struct opt *row)
{
	return takes_value(row) && (!strcmp(row->arg, "FILE") || !strcmp(row->arg, "PATH"));
}

/* The words of a choice, "a|b|c", with another separator. */
static void add_words(struct strbuf *out, const char *words, char separator)
{
	for (; *words; words++)
		strbuf_addc(out, *words == '|' ? separator : *words);
}

static void add_commands(struct strbuf *out)
{
	for (size_t i = 0; i < command_count; i++)
		strbuf_addf(out, "%s%s", i ? " " : "", commands[i]->name);
}

static void bash_name(const struct opt *row, void *data)
{
	struct script *s = data;

	strbuf_addf(s->out, "--%s ", row->name);
}

static void bash_value(const struct opt *row, void *data)
{
	struct script *s = data;

	if (!takes_value(row))
		return;
	strbuf_addf(s->out, "\t%s:--%s", s->command ? s->command : "snag", row->name);
	if (row->letter)
		strbuf_addf(s->out, "|%s:-%c", s->command ? s->command : "snag", row->letter);
	strbuf_adds(s->out, ")\n\t\t");
	if (row->type == OPT_CHOICE) {
		strbuf_adds(s->out, "COMPREPLY=($(compgen -W \"");
		add_words(s->out, row->arg, ' ');
		strbuf_adds(s->out, "\" -- \"$cur\"))");
	} else if (is_file(row)) {
		strbuf_adds(s->out, "COMPREPLY=($(compgen -f -- \"$cur\"))");
	} else {
		strbuf_adds(s->out, "COMPREPLY=()");
	}
	strbuf_adds(s->out, "\n\t\treturn ;;\n");
}

static void write_bash(struct strbuf *out)
{
	struct script s = { .out = out };

	strbuf_adds(out, "# bash completion of snag: eval \"$(snag --completion bash)\"\n"
			 "_snag()\n{\n"
			 "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
			 "\tlocal command=${COMP_WORDS[1]} words\n"
			 "\t[ \"$COMP_CWORD\" -gt 1 ] || command=snag\n"
			 "\tcase $command in\n\tsnag) words=\"");
	opts_each(main_tables, bash_name, &s);
	add_commands(out);
	strbuf_adds(out, "\" ;;\n");
	for (size_t i = 0; i < command_count; i++) {
		strbuf_addf(out, "\t%s) words=\"", commands[i]->name);
		opts_each(commands[i]->tables, bash_name, &s);
		strbuf_adds(out, "\" ;;\n");
	}
	strbuf_adds(out, "\t*) words=\"\" ;;\n\tesac\n\tcase $command:$prev in\n");
	opts_each(main_tables, bash_value, &s);
	for (size_t i = 0; i < command_count; i++) {
		s.command = commands[i]->name;
		opts_each(commands[i]->tables, bash_value, &s);
	}
	strbuf_adds(out, "\tesac\n"
			 "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
			 "\tcase $cur in\n\t-*) ;;\n"
			 "\t*) COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n\tesac\n}\n"
			 "complete -o filenames -F _snag snag\n");
}

/* In single quotes; brackets and colons mean something to zsh's _arguments. */
static void add_quoted(struct strbuf *out, const char *text, bool zsh)
{
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_adds(out, "'\\''");
		else if (zsh && strchr("[]:\\", *text))
			strbuf_addf(out, "\\%c", *text);
		else
			strbuf_addc(out, *text);
	}
}

static void zsh_spec(struct script *s, const struct opt *row, const char *dashes, const char *name)
{
	strbuf_adds(s->out, " \\\n\t\t'");
	if (row->type == OPT_PIDS || row->type == OPT_COUNT)
		strbuf_addc(s->out, '*');
	strbuf_addf(s->out, "%s%s[", dashes, name);
	add_quoted(s->out, row->help, true);
	strbuf_addc(s->out, ']');
	if (row->type == OPT_CHOICE) {
		strbuf_addf(s->out, ":%s:(", row->name);
		add_words(s->out, row->arg, ' ');
		strbuf_addc(s->out, ')');
	} else if (takes_value(row)) {
		strbuf_addf(s->out, ":%s:%s", row->arg, is_file(row) ? "_files" : "");
	}
	strbuf_addc(s->out, '\'');
}

static void zsh_row(const struct opt *row, void *data)
{
	char letter[2] = { row->letter, 0 };

	zsh_spec(data, row, "--", row->name);
	if (row->letter)
		zsh_spec(data, row, "-", letter);
}

static void write_zsh(struct strbuf *out)
{
	struct script s = { .out = out };

	strbuf_adds(
		out,
		"#compdef snag\n"
		"# zsh completion of snag: snag --completion zsh >_snag, in a folder of $fpath\n"
		"_snag()\n{\n"
		"\tif ((CURRENT == 2)); then\n"
		"\t\t_alternative 'commands:command:(");
	add_commands(out);
	strbuf_adds(out, ")' 'files:capture:_files' 'pids:process:_pids'\n"
			 "\t\t_arguments");
	opts_each(main_tables, zsh_row, &s);
	strbuf_adds(out, "\n\t\treturn\n\tfi\n\tlocal command=$words[2]\n"
			 "\tshift words\n\t((CURRENT--))\n\tcase $command in\n");
	for (size_t i = 0; i < command_count; i++) {
		strbuf_addf(out, "\t%s)\n\t\t_arguments", commands[i]->name);
		opts_each(commands[i]->tables, zsh_row, &s);
		strbuf_adds(out, " \\\n\t\t'*:target:_files' ;;\n");
	}
	strbuf_adds(out, "\tesac\n}\ncompdef _snag snag\n");
}

static void fish_row(const struct opt *row, void *data)
{
	struct script *s = data;

	if (s->command)
		strbuf_addf(s->out, "complete -c snag -n '__fish_seen_subcommand_from %s'",
			    s->command);
	else
		strbuf_adds(s->out, "complete -c snag -n __fish_use_subcommand");
	if (row->letter)
		strbuf_addf(s->out, " -s %c", row->letter);
	strbuf_addf(s->out, " -l %s", row->name);
	if (row->type == OPT_CHOICE) {
		strbuf_adds(s->out, " -xa '");
		add_words(s->out, row->arg, ' ');
		strbuf_addc(s->out, '\'');
	} else if (takes_value(row)) {
		strbuf_adds(s->out, is_file(row) ? " -rF" : " -x");
	}
	strbuf_adds(s->out, " -d '");
	add_quoted(s->out, row->help, false);
	strbuf_adds(s->out, "'\n");
}

static void write_fish(struct strbuf *out)
{
	struct script s = { .out = out };

	strbuf_adds(out, "# fish completion of snag: snag --completion fish | source\n");
	for (size_t i = 0; i < command_count; i++) {
		strbuf_addf(out, "complete -c snag -n __fish_use_subcommand -a %s -d '",
			    commands[i]->name);
		add_quoted(out, commands[i]->summary, false);
		strbuf_adds(out, "'\n");
	}
	opts_each(main_tables, fish_row, &s);
	for (size_t i = 0; i < command_count; i++) {
		s.command = commands[i]->name;
		opts_each(commands[i]->tables, fish_row, &s);
	}
}

bool completion_write(const char *shell, struct strbuf *out)
{
	static const struct {
		const char *name;
		void (*write)(struct strbuf *out);
	} shells[] = { { "bash", write_bash }, { "zsh", write_zsh }, { "fish", write_fish } };

	for (size_t i = 0; i < sizeof(shells) / sizeof(*shells); i++) {
		if (strcmp(shells[i].name, shell) == 0) {
			shells[i].write(out);
			return true;
		}
	}
	return false;
}
