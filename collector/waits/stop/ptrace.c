/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ptrace.c - stopped for a debugger: its tracer continues it.
 */
#include "waits/wait.h"

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	(void)c;
	return t->state == 't' || (t->state == 'T' && t->tracer);
}

static int32_t tracer_process(struct wait_ctx *c, int32_t tid)
{
	const struct snap_task *t = snapshot_task(wait_snapshot(c), tid);

	return t ? t->tgid : tid;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	int32_t tracer = site->task->tracer;
	uint32_t actor = tracer ? wait_actor(c, tracer_process(c, tracer)) : 0;

	if (tracer)
		wait_describe(c, site->wait, WAIT_PTRACE_STOP, "stopped by its tracer %s",
			      wait_name_of(c, tracer_process(c, tracer)).text);
	else
		wait_describe(c, site->wait, WAIT_PTRACE_STOP, "stopped by a tracer");
	model_wait(wait_model(c), site->wait)->completion = true;
	if (actor)
		wait_term(c, site->wait,
			  (struct term){ .kind = TERM_ACTOR, .as = AS_OWNER, .id = actor }, NULL);
	else if (tracer)
		wait_term_tid(c, site->wait, tracer, AS_OWNER);
	else
		wait_unknown(c, site->wait, "its tracer is not visible from here");
	return true;
}

const struct wait_kind wait_ptrace = { .name = "ptrace", .claims = claims, .decode = decode };
