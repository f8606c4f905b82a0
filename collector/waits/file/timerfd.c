/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timerfd.c - an armed timerfd ends the wait by itself, a disarmed one must be armed by who holds
 * it.
 */
#include "waits/wait.h"

#include <inttypes.h>

enum { NS_PER_MS = 1000000, MS_PER_S = 1000 };

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct wait *w = model_wait(wait_model(c), f->wait);
	uint64_t left_ms = f->file->expires_ns / NS_PER_MS;

	if (!f->file->details) {
		wait_describe(c, f->wait, WAIT_TIMER, "waiting for a timer (fd %d)", f->fd);
		wait_unknown(c, f->wait, "whether timerfd %d of process %d is armed", f->fd,
			     f->process->tgid);
	} else if (f->file->expires_ns) {
		w->timeout_ms = (int64_t)left_ms;
		wait_describe(c, f->wait, WAIT_TIMER, "waiting for a timer (fd %d)", f->fd);
		wait_term(c, f->wait, (struct term){ .kind = TERM_TIME },
			  "timerfd %d, which expires in %" PRIu64 ".%03d s", f->fd,
			  left_ms / MS_PER_S, (int)(left_ms % MS_PER_S));
	} else {
		wait_describe(c, f->wait, WAIT_TIMER,
			      "waiting for a timer that is not armed (fd %d)", f->fd);
		wait_term_holders(c, f->wait, w->object, 0, AS_SETTER);
	}
	return true;
}

const struct wait_kind wait_timerfd = {
	.name = "timerfd",
	.files = 1u << FILE_TIMERFD,
	.decode_file = decode_file,
};
