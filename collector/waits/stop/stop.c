/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop.c - stopped by a signal (a terminal that stops its background job has a kind of its own).
 */
#include "waits/wait.h"

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	(void)c;
	return t->state == 'T';
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	wait_describe(c, site->wait, WAIT_STOP, "stopped by a signal");
	wait_stopped(c, site->wait, "anyone who sends SIGCONT to %s",
		     wait_name_of(c, site->process->tgid).text);
	return true;
}

const struct wait_kind wait_stop = { .name = "stop", .claims = claims, .decode = decode };
