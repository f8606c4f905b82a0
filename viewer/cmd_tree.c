/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag tree: the actors, how each came to be, and what each waits on.
 */
#include "cmd.h"

struct tree_opts {
	struct common_opts common;
	struct target_opts target;
};

static const struct opt_table tables[] = {
	{ target_rows, offsetof(struct tree_opts, target) },
	{ focus_rows, offsetof(struct tree_opts, target) },
	{ common_rows, offsetof(struct tree_opts, common) },
	{ NULL, 0 },
};

static enum status run(const void *opts, const struct opt_args *args)
{
	const struct tree_opts *o = opts;
	const struct target target = { &o->target, args, STACKS_NONE, false };
	const struct view *view = o->common.json  ? &view_json :
				  o->common.quiet ? &view_brief :
						    &view_tree;
	_cleanup_model_ struct model *m = NULL;
	enum status status = target_model("tree", &target, &m);

	return status == STATUS_DONE ? show("tree", view, &o->common, m) : status;
}

const struct command cmd_tree = {
	.name = "tree",
	.synopsis = "[options] PID|FILE",
	.summary = "the processes, how each was spawned, and what each waits on",
	.tables = tables,
	.opts_size = sizeof(struct tree_opts),
	.max_args = 1,
	.run = run,
};
