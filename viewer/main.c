/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag: who is stuck, on what, waiting for whom.
 */
#include "cmd.h"

#include "base/log.h"

#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HELP_WIDTH = 80 };
enum { HUGE_BYTES = 2 << 20, HEAP_BYTES = 128 << 20 };

static void main_help(struct strbuf *out)
{
	strbuf_adds(out, "usage: snag [why] PID|FILE\n       snag COMMAND [options] ...\n\n"
			 "Says who in a process tree is stuck, on what, waiting for whom, since "
			 "when,\nand whether it can ever end.\n\ncommands:\n");
	for (size_t i = 0; i < command_count; i++)
		strbuf_addf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	strbuf_adds(out, "\noptions:\n");
	opts_help(main_tables, HELP_WIDTH, out);
}

/* The options of snag itself, when it was called with no command. */
static enum status run_main(int argc, char **argv)
{
	struct main_opts opts = { .help = false };
	struct opt_target target = { .tables = main_tables, .fields = &opts };
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct opt_args args;

	if (opts_parse(&target, argc, argv, &args, &err) < 0)
		return complain(STATUS_USAGE, NULL, "%s", err.text);
	if (args.count > 0)
		return complain(STATUS_USAGE, NULL, "\"%s\" is one word too many", args.args[0]);
	if (opts.help)
		main_help(&out);
	if (opts.version)
		strbuf_addf(&out, "snag %s\n", snag_version());
	if (opts.schema)
		schema_write(false, &out);
	if (opts.shell)
		completion_write(opts.shell, &out);
	return print(NULL, &out);
}

static void release_opts(struct opt_target *target)
{
	opts_release(target);
	free(target->fields);
}

static enum status run_command(const struct command *c, int argc, char **argv)
{
	_cleanup_(release_opts) struct opt_target target = { .tables = c->tables,
							     .fields = xcalloc(1, c->opts_size) };
	const struct common_opts *opts = target.fields;
	struct snag_error err = SNAG_ERROR_INIT;
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct opt_args args;

	if (opts_parse(&target, argc, argv, &args, &err) < 0)
		return complain(STATUS_USAGE, c->name, "%s", err.text);
	if (opts->help) {
		command_help(c, HELP_WIDTH, &out);
		return print(c->name, &out);
	}
	if (args.count > c->max_args)
		return complain(STATUS_USAGE, c->name, "\"%s\" is one word too many",
				args.args[c->max_args]);
	log_set_level(opts->verbose);
	return c->run(opts, &args);
}

static bool is_main_option(const char *word)
{
	size_t length = strcspn(word, "=");

	if (word[0] != '-')
		return false;
	for (const struct opt *row = main_tables[0].rows; row->name; row++) {
		if (strncmp(word, "--", 2) == 0 && length == strlen(row->name) + 2 &&
		    strncmp(word + 2, row->name, length - 2) == 0)
			return true;
		if (row->letter && word[1] == row->letter && !word[2])
			return true;
	}
	return false;
}

/* A word that is no command: the target of `why`, or a mistake. */
static enum status run_word(int argc, char **argv)
{
	const char *names[16];
	const char *word = argv[1], *near;
	size_t count = 0;
	int32_t pid;

	if (word[0] == '-' || opts_number(word, &pid) || access(word, F_OK) == 0)
		return run_command(commands[0], argc - 1, argv + 1);
	while (count < command_count && count < sizeof(names) / sizeof(*names)) {
		names[count] = commands[count]->name;
		count++;
	}
	near = opts_nearest(word, names, count);
	if (near)
		return complain(STATUS_USAGE, NULL, "there is no command \"%s\", did you mean %s?",
				word, near);
	return complain(STATUS_USAGE, NULL, "\"%s\" is no command, no pid and no file", word);
}

/*
 * The heap as one piece, before there is anything in it, of huge pages: 500 page faults become one,
 * and a look at 1,000 processes has 4,000 of them. Only what is used of it is ever there. Where the
 * heap may not be so large, or there are no such pages, it is as it would have been.
 */
static void take_huge_pages(void)
{
	uintptr_t from, to;
	char *first;

	mallopt(M_TOP_PAD, HEAP_BYTES);
	first = malloc(HUGE_BYTES);
	if (!first)
		return;
	from = ((uintptr_t)first + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1);
	to = (uintptr_t)sbrk(0);
	free(first);
	if (from < to)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
}

/*
 * snag runs for a moment and its arrays grow by doubling. By default glibc maps each larger one
 * anew and gives the old one back, and every page is faulted in again: an eighth of a look at 1,000
 * processes.
 */
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	take_huge_pages();
	mallopt(M_TOP_PAD, 8 << 20);
}

int main(int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	keep_memory();
	/* A closed pipe is an error of write(), to be told like a full disk. */
	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		main_help(&out);
		fputs(strbuf_str(&out), stderr);
		return STATUS_USAGE;
	}
	for (size_t i = 0; i < command_count; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return run_command(commands[i], argc - 2, argv + 2);
	if (is_main_option(argv[1]))
		return run_main(argc - 1, argv + 1);
	return run_word(argc, argv);
}
