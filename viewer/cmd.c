/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include "view/clean.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DECLARE(name) extern const struct command cmd_##name;
COMMANDS(DECLARE)
#define POINTER(name) &cmd_##name,
const struct command *const commands[] = { COMMANDS(POINTER) };
const size_t command_count = sizeof(commands) / sizeof(*commands);

static const struct opt main_rows[] = {
	{ 'h', "help", OPT_FLAG, offsetof(struct main_opts, help),
	  .help = "this text; \"snag COMMAND --help\" tells more" },
	{ 'V', "version", OPT_FLAG, offsetof(struct main_opts, version),
	  .help = "print the version" },
	{ 0, "json-schema", OPT_FLAG, offsetof(struct main_opts, schema),
	  .help = "print the JSON Schema of what --json prints" },
	{ 0, "completion", OPT_CHOICE, offsetof(struct main_opts, shell), "bash|zsh|fish",
	  .help = "print the completion script of a shell" },
	{ 0 },
};

const struct opt_table main_tables[] = { { main_rows, 0 }, { NULL, 0 } };

const struct opt common_rows[] = {
	{ 0, "json", OPT_FLAG, offsetof(struct common_opts, json), .bit = BIT_JSON,
	  .excludes = BIT_QUIET, .help = "print JSON; snag --json-schema describes it" },
	{ 0, "color", OPT_CHOICE, offsetof(struct common_opts, color), "auto|always|never",
	  .help = "colours; auto: on a terminal when NO_COLOR is not set" },
	{ 'q', "quiet", OPT_FLAG, offsetof(struct common_opts, quiet), .bit = BIT_QUIET,
	  .excludes = BIT_VERBOSE, .help = "only the sentence" },
	{ 'v', "verbose", OPT_COUNT, offsetof(struct common_opts, verbose), .bit = BIT_VERBOSE,
	  .help = "fold nothing and tell the steps on stderr; twice: more" },
	{ 'h', "help", OPT_FLAG, offsetof(struct common_opts, help), .help = "this text" },
	{ 0 },
};

enum status complain(enum status status, const char *command, const char *fmt, ...)
{
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	/* Words of the command line and names of processes may hold anything. */
	clean_add(&line, n < 0 ? fmt : text, clean_locale_is_utf8());
	fprintf(stderr, "snag%s%s: %s", command ? " " : "", command ? command : "",
		strbuf_str(&line));
	if (status == STATUS_USAGE)
		fprintf(stderr, " (try \"snag%s%s --help\")", command ? " " : "",
			command ? command : "");
	fputc('\n', stderr);
	return status;
}

enum status print(const char *command, const struct strbuf *text)
{
	size_t done = 0;

	while (done < text->len) {
		ssize_t n = write(STDOUT_FILENO, text->s + done, text->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return complain(STATUS_FAILED, command, "writing the output: %s",
					strerror(errno));
		done += (size_t)n;
	}
	return STATUS_DONE;
}

enum {
	WIDTH_MAX = 160, /* longer lines do not read well */
	WIDTH_ENDLESS = 1 << 20,
};

static bool wants_color(const char *option)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (option && strcmp(option, "auto") != 0)
		return strcmp(option, "always") == 0;
	return isatty(STDOUT_FILENO) && !(no_color && *no_color) &&
	       !(term && strcmp(term, "dumb") == 0);
}

/* COLUMNS, the terminal's width, or endless: in a pipe a paragraph is one line, for grep. */
static int page_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	int32_t width;

	if (!columns || !opts_number(columns, &width)) {
		if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
			return WIDTH_ENDLESS;
		width = size.ws_col ? size.ws_col : 80;
	}
	return width < 40 ? 40 : width > WIDTH_MAX ? WIDTH_MAX : width;
}

struct view_opts page_opts(const struct common_opts *opts)
{
	return (struct view_opts){
		.width = page_width(),
		.color = wants_color(opts->color),
		.utf8 = clean_locale_is_utf8(),
		.verbose = opts->verbose > 0,
	};
}

/* Where the parts of a document go. */
struct output {
	const char *command;
	enum status status; /* after an error nothing more is written */
};

static void write_part(void *arg, struct strbuf *part)
{
	struct output *o = arg;

	if (o->status == STATUS_DONE)
		o->status = print(o->command, part);
	strbuf_reset(part);
}

enum status show(const char *command, const struct view *view, const struct common_opts *opts,
		 const struct model *m)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct output o = { .command = command, .status = STATUS_DONE };
	struct view_opts v = page_opts(opts);

	v.flush = write_part;
	v.flush_arg = &o;
	view->render(m, &v, &out);
	write_part(&o, &out);
	return o.status;
}

void command_help(const struct command *c, int width, struct strbuf *out)
{
	strbuf_addf(out, "usage: snag %s %s\n\n%s\n\noptions:\n", c->name, c->synopsis, c->summary);
	opts_help(c->tables, width, out);
}
