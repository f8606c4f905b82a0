/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag stacks: where in the program each thread is; equal stacks are told once.
 */
#include "cmd.h"

struct stacks_opts {
	struct common_opts common;
	struct target_opts target;
	bool all, folded;
};

static const struct opt rows[] = {
	{ 0, "all", OPT_FLAG, offsetof(struct stacks_opts, all),
	  .help = "leave nothing out: a call a line, every stack, every member" },
	{ 't', "thread", OPT_PID, offsetof(struct stacks_opts, target.thread), "TID",
	  .help = "the stack of this thread only" },
	{ 0, "folded", OPT_FLAG, offsetof(struct stacks_opts, folded), .bit = BIT_FOLDED,
	  .excludes = BIT_JSON | BIT_QUIET,
	  .help = "a line a stack, \"process;outermost;..;innermost count\", for flame graphs" },
	{ 0 },
};

static const struct opt_table tables[] = {
	{ rows, 0 },
	{ target_rows, offsetof(struct stacks_opts, target) },
	{ frame_rows, offsetof(struct stacks_opts, target) },
	{ common_rows, offsetof(struct stacks_opts, common) },
	{ NULL, 0 },
};

static const struct view *view_of(const struct stacks_opts *o)
{
	if (o->common.json)
		return &view_json;
	if (o->common.quiet)
		return &view_brief;
	return o->folded ? &view_folded : &view_stacks;
}

static enum status run(const void *opts, const struct opt_args *args)
{
	const struct stacks_opts *o = opts;
	const struct target target = { &o->target, args,
				       o->target.thread ? STACKS_CHAIN : STACKS_ALL, false };
	struct view_opts v = page_opts(&o->common);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	_cleanup_model_ struct model *m = NULL;
	enum status status = target_model("stacks", &target, &m);

	if (status != STATUS_DONE)
		return status;
	v.verbose |= o->all;
	v.thread = o->target.thread ? m->verdict.focus_thread : 0;
	view_of(o)->render(m, &v, &out);
	return print("stacks", &out);
}

const struct command cmd_stacks = {
	.name = "stacks",
	.synopsis = "[options] PID|FILE",
	.summary = "where in the program each thread is, equal stacks merged, the odd one first",
	.tables = tables,
	.opts_size = sizeof(struct stacks_opts),
	.max_args = 1,
	.run = run,
};
