/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signalfd.c - a signalfd waits for the signals of its mask, sent to whoever reads or polls it.
 *
 * A signal is new input; three sorts come from what is there already: a child's exit, a timer, and
 * one that is pending.
 */
#include "waits/find.h"
#include "waits/wait_ctx.h"

#include <signal.h>

static bool has(uint64_t mask, int signal)
{
	return mask >> (signal - 1) & 1;
}

static void add_sources(struct wait_ctx *c, const struct wait_fd *f, uint64_t mask)
{
	const struct snap_process *p = f->process, *child = NULL;
	uint64_t pending = f->task->sig_pending | p->sig_pending;

	if (pending & mask && !f->edge)
		wait_now(c, f->wait, "a signal is pending already");
	while (has(mask, SIGCHLD) && (child = find_child(c, p->tgid, child)))
		if (!child->exited) /* the SIGCHLD of a zombie was sent long ago */
			wait_term_exit(c, f->wait, child->tgid);
	if (has(mask, SIGALRM) && p->itimer_ns)
		wait_term(c, f->wait, (struct term){ .kind = TERM_TIME }, "its interval timer");
	if (p->posix_timer_ns)
		wait_term(c, f->wait, (struct term){ .kind = TERM_TIME }, "a POSIX timer of it");
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;

	if (!f->file->details) {
		wait_describe(c, f->wait, WAIT_SIGNAL, "waiting for a signal (signalfd %d)", f->fd);
		wait_unknown(c, f->wait,
			     "the signals of signalfd %d of process %d could not be read", f->fd,
			     f->process->tgid);
		return true;
	}
	wait_signal_names(&names, f->file->sigmask);
	wait_describe(c, f->wait, WAIT_SIGNAL, "waiting for %s (signalfd %d)",
		      names.len ? strbuf_str(&names) : "no signal at all", f->fd);
	add_sources(c, f, f->file->sigmask);
	wait_new(c, f->wait, "a signal (%s)", strbuf_str(&names));
	return true;
}

const struct wait_kind wait_signalfd = {
	.name = "signalfd",
	.files = 1u << FILE_SIGNALFD,
	.decode_file = decode_file,
};
