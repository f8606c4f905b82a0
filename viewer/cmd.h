/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmd.h - the subcommands.
 *
 * A subcommand is one file, cmd_foo.c, with one `const struct command cmd_foo`, and one line in
 * COMMANDS.
 */
#pragma once

#include "opts.h"
#include "view/view.h"

#include "snag.h"

/* clang-format off */
#define COMMANDS(X) \
	X(why)      \
	X(dump)     \
	X(tree)     \
	X(stacks)   \
	X(doctor)
/* clang-format on */

/* Exit status, the contract of snag(1). */
enum status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_STUCK = 3,	 /* --check: deadlock, stuck-on-external, stopped, busy */
	STATUS_UNDETERMINED = 4, /* --check */
	STATUS_GONE = 5,
};

struct command {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *summary;  /* one line */
	const struct opt_table *tables;
	size_t opts_size; /* of the struct that the tables set; it begins with struct common_opts */
	int max_args;
	enum status (*run)(const void *opts, const struct opt_args *args);
};

/* The commands, in the order of COMMANDS, and how many there are. */
extern const struct command *const commands[];
extern const size_t command_count;

/* Options of every command. */
struct common_opts {
	bool json, quiet, help;
	int verbose;
	const char *color; /* "auto", "always", "never", or NULL */
};

/* Options of the commands that look at a tree or a capture. */
struct target_opts {
	const char *match, *cgroup, *reader;
	struct opt_pids also;
	int32_t thread;
	bool redact;
	bool stacks, no_stacks, kernel_stacks, lines, no_lines;
	const char *unwinder;
	bool locals;
};

/* Bits of options that exclude others. */
enum {
	BIT_JSON = 1 << 0,
	BIT_QUIET = 1 << 1,
	BIT_MATCH = 1 << 2,
	BIT_CGROUP = 1 << 3,
	BIT_VERBOSE = 1 << 4,
	BIT_STACKS = 1 << 5,
	BIT_NO_STACKS = 1 << 6,
	BIT_LINES = 1 << 7,
	BIT_NO_LINES = 1 << 8,
	BIT_FOLDED = 1 << 9,
};

/* What can be asked of snag itself, without a command. */
struct main_opts {
	bool help, version, schema;
	const char *shell;
};
extern const struct opt_table main_tables[]; /* over struct main_opts */

/*
 * Rows over struct common_opts and, the others, struct target_opts: what to look at, who is in
 * focus, whose stacks are taken, what is told of them.
 */
extern const struct opt common_rows[], target_rows[], focus_rows[], stack_rows[], frame_rows[];

/* What a command looks at, and how. */
struct target {
	const struct target_opts *opts;
	const struct opt_args *args;
	enum stacks_of stacks; /* whose are taken when the options do not say */
	bool lines;	       /* likewise, with files and lines */
};

/*
 * The model of the command's target: a look at a live tree, or a capture. STATUS_DONE, or another
 * after one line on stderr. The model is yours.
 */
SNAG_MUST_CHECK
enum status target_model(const char *command, const struct target *target, struct model **ret);

/* Width, colours and so on, as the options, the environment and stdout say. */
struct view_opts page_opts(const struct common_opts *opts);

/* Show `m` on stdout by `view`, with what the options say about colour and so on. */
SNAG_MUST_CHECK
enum status show(const char *command, const struct view *view, const struct common_opts *opts,
		 const struct model *m);

/* One line on stderr, "snag why: text"; with STATUS_USAGE where help is. Returns `status`. */
__attribute__((format(printf, 3, 4))) enum status complain(enum status status, const char *command,
							   const char *fmt, ...);

/* Write `text` to stdout, all of it. A full disk or closed pipe is noticed: a line, STATUS_FAILED.
 */
SNAG_MUST_CHECK
enum status print(const char *command, const struct strbuf *text);

/* The --help text of a command. */
void command_help(const struct command *c, int width, struct strbuf *out);

/* The shell's completion script, or false when the shell is none of bash, zsh and fish. */
bool completion_write(const char *shell, struct strbuf *out);
