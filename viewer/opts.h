/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * opts.h - command line options as tables.
 *
 * A row says everything about an option; parsing, --help, shell completion and the test of the man
 *pages read the same rows. A command composes tables, each over a struct of its own.
 *
 *	static const struct opt rows[] = {
 *		{ 'f', "force", OPT_FLAG, offsetof(struct x_opts, force), .help = "overwrite" },
 *		{ 0 },
 *	};
 *	static const struct opt_table tables[] = { { rows, 0 }, { NULL, 0 } };
 *	rc = opts_parse(tables, argc, argv, &parsed, err);
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an option takes, and the type of the field that it sets. */
enum opt_type {
	OPT_FLAG = 1, /* nothing; bool */
	OPT_COUNT,    /* nothing; int, one more each time */
	OPT_STRING,   /* a string; const char *, borrowed from argv */
	OPT_CHOICE,   /* one of the words of `arg`, "a|b|c"; const char *, borrowed */
	OPT_PID,      /* a positive number; int32_t */
	OPT_PIDS,     /* the same, may be repeated; struct opt_pids */
};

/* The numbers of an option that may be repeated. */
struct opt_pids {
	VEC(int32_t) list;
};

struct opt {
	char letter;	  /* 0: has none */
	const char *name; /* without the dashes; NULL ends a table */
	enum opt_type type;
	size_t offset;	   /* of its field in the struct of its table */
	const char *arg;   /* what it takes, for people, or the words of OPT_CHOICE */
	uint32_t bit;	   /* who it is in masks, 0: nobody cares */
	uint32_t excludes; /* bits of the options that it cannot stand beside */
	const char *help;
};

struct opt_table {
	const struct opt *rows; /* NULL ends the list of tables */
	size_t base;		/* of the table's struct in the command's */
};

/* What is left when the options are out. `args` points into argv. */
struct opt_args {
	char **args;
	int count;
};

/* What to parse: where the fields are and what was seen. */
struct opt_target {
	const struct opt_table *tables;
	void *fields;  /* the command's struct, zeroed or with its defaults */
	uint32_t seen; /* bits of the options given */
};

/*
 * Set the fields by argv[0 .. argc), reordering it: options may stand anywhere before "--". -EINVAL
 * with a line for the person when something is wrong.
 */
SNAG_MUST_CHECK
int opts_parse(struct opt_target *target, int argc, char **argv, struct opt_args *ret,
	       struct snag_error *err);

/* Free what parsing allocated for the fields. */
void opts_release(const struct opt_target *target);

/* Whole decimal numbers from 1 to INT32_MAX; false for anything else. */
bool opts_number(const char *text, int32_t *value);

/* The word of `words` that is nearest to `word`, or NULL when none is near. Borrowed from `words`.
 */
const char *opts_nearest(const char *word, const char *const *words, size_t count);

/* The option lines of --help, at most `width` columns. */
void opts_help(const struct opt_table *tables, int width, struct strbuf *out);

/* Call `visit` for each row of the tables. */
void opts_each(const struct opt_table *tables, void (*visit)(const struct opt *row, void *data),
	       void *data);
