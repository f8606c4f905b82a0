/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag why: the verdict, its chain, and what else is odd.
 */
#include "cmd.h"

struct why_opts {
	struct common_opts common;
	struct target_opts target;
	bool check;
};

static const struct opt rows[] = {
	{ 'c', "check", OPT_FLAG, offsetof(struct why_opts, check),
	  .help = "exit with 3 when stuck, 4 when undetermined, 5 when the target is gone" },
	{ 0 },
};

static const struct opt_table tables[] = {
	{ rows, 0 },
	{ target_rows, offsetof(struct why_opts, target) },
	{ focus_rows, offsetof(struct why_opts, target) },
	{ stack_rows, offsetof(struct why_opts, target) },
	{ frame_rows, offsetof(struct why_opts, target) },
	{ common_rows, offsetof(struct why_opts, common) },
	{ NULL, 0 },
};

/* The contract of --check. */
static enum status check_status(enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_PROGRESSING:
	case VERDICT_IDLE:
	case VERDICT_TIMEOUT:
		return STATUS_DONE;
	case VERDICT_DEADLOCK:
	case VERDICT_EXTERNAL:
	case VERDICT_STOPPED:
	case VERDICT_BUSY:
		return STATUS_STUCK;
	case VERDICT_EXITED:
		return STATUS_GONE;
	case VERDICT_UNDETERMINED:
	case VERDICT_KIND_COUNT:
		break;
	}
	return STATUS_UNDETERMINED;
}

static enum status run(const void *opts, const struct opt_args *args)
{
	const struct why_opts *o = opts;
	const struct target target = { &o->target, args, STACKS_CHAIN, false };
	const struct view *view = o->common.json  ? &view_json :
				  o->common.quiet ? &view_brief :
						    &view_why;
	_cleanup_model_ struct model *m = NULL;
	enum status status = target_model("why", &target, &m);

	if (status == STATUS_DONE)
		status = show("why", view, &o->common, m);
	if (status == STATUS_DONE && o->check)
		status = check_status(m->verdict.kind);
	return status;
}

const struct command cmd_why = {
	.name = "why",
	.synopsis = "[options] PID|FILE",
	.summary = "the verdict: who is stuck, on what, waiting for whom, and can it ever end",
	.tables = tables,
	.opts_size = sizeof(struct why_opts),
	.max_args = 1,
	.run = run,
};
