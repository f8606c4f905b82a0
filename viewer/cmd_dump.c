/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag dump: a look, kept in a file.
 */
#include "cmd.h"

#include "capture/capture.h"

struct dump_opts {
	struct common_opts common;
	struct target_opts target;
	const char *output;
};

static const struct opt rows[] = {
	{ 'o', "output", OPT_STRING, offsetof(struct dump_opts, output), "FILE",
	  .help = "the capture; an old file is replaced when the new one is complete" },
	{ 0 },
};

static const struct opt_table tables[] = {
	{ rows, 0 },
	{ target_rows, offsetof(struct dump_opts, target) },
	{ focus_rows, offsetof(struct dump_opts, target) },
	{ stack_rows, offsetof(struct dump_opts, target) },
	{ frame_rows, offsetof(struct dump_opts, target) },
	{ common_rows, offsetof(struct dump_opts, common) },
	{ NULL, 0 },
};

/* The verdict is worth having even when the disk is full: it is printed in any case. */
static enum status run(const void *opts, const struct opt_args *args)
{
	const struct dump_opts *o = opts;
	const struct target target = { &o->target, args, STACKS_ALL, true };
	const struct view *view = o->common.json  ? &view_json :
				  o->common.quiet ? &view_brief :
						    &view_why;
	_cleanup_model_ struct model *m = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	enum status status, written;

	if (!o->output)
		return complain(STATUS_USAGE, "dump", "--output FILE is missing");
	status = target_model("dump", &target, &m);
	if (status != STATUS_DONE)
		return status;
	written = STATUS_DONE;
	if (capture_write(m, o->output, &err) < 0)
		written = complain(STATUS_FAILED, "dump", "%s", err.text);
	status = show("dump", view, &o->common, m);
	return written != STATUS_DONE ? written : status;
}

const struct command cmd_dump = {
	.name = "dump",
	.synopsis = "[options] PID|FILE -o FILE",
	.summary = "keep a look at a tree in a file; prints the verdict too",
	.tables = tables,
	.opts_size = sizeof(struct dump_opts),
	.max_args = 1,
	.run = run,
};
