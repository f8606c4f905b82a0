/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eventfd.c - reading an eventfd that is 0, writing one that is full.
 *
 * Its holders are found by eventfd-id. The kernel itself may add to it too (io_uring, aio, KVM);
 * those contexts hold no descriptor and belong to a process that does.
 */
#include "waits/wait.h"

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct wait *w = model_wait(wait_model(c), f->wait);
	uint32_t object = w->object;
	bool reads = f->mode & MODE_READ || !(f->mode & MODE_WRITE);
	bool known = f->file->details && !f->edge;

	w->input = reads;
	w->completion = !reads;
	wait_describe(c, f->wait, WAIT_EVENTFD, "%s eventfd %s (fd %d)",
		      reads ? "waiting for" : "writing to full",
		      model_str(wait_model(c), model_object(wait_model(c), object)->key), f->fd);
	if (known && f->mode & MODE_READ && f->file->value > 0)
		wait_now(c, f->wait, "its count is not 0");
	/* eventfd_poll(): there is room when the count is below ULLONG_MAX - 1. */
	if (known && f->in_set && f->mode & MODE_WRITE && f->file->value < UINT64_MAX - 1)
		wait_now(c, f->wait, "its count is not at its maximum");
	if (reads)
		wait_term_holders(c, f->wait, object, MODE_WRITE, AS_HOLDER);
	if (f->mode & MODE_WRITE)
		wait_term_holders(c, f->wait, object, MODE_READ, AS_HOLDER);
	return true;
}

const struct wait_kind wait_eventfd = {
	.name = "eventfd",
	.files = 1u << FILE_EVENTFD,
	.decode_file = decode_file,
};
