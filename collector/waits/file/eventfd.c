/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eventfd.c - reading an eventfd that is 0, writing one that is full.
 *
 * Its holders are found by eventfd-id. The kernel itself may add to it too, for io_uring
 * (IORING_REGISTER_EVENTFD), aio (IOCB_FLAG_RESFD), KVM (irqfd) and cgroups (cgroup.event_control):
 * each has a reference to the eventfd, which BPF counts. Nothing outside shows that, so without BPF
 * the answer is not known where the waiter, or another holder, has such a context.
 */
#include "waits/find.h"
#include "waits/wait.h"

#include <string.h>

/* What of this process might post to an eventfd of its from inside the kernel, or NULL. */
static const char *poster_of(struct wait_ctx *c, const struct snap_process *p)
{
	const struct snapshot *s = wait_snapshot(c);
	const struct maps *maps;

	for (uint32_t i = 0; i < p->file_count; i++) {
		const struct snap_file *f = &s->files.at[p->first_file + i];

		if (f->kind == FILE_IO_URING)
			return "io_uring";
		if (f->kind == FILE_ANON && strstr(snapshot_str(s, f->path), "kvm"))
			return "KVM";
	}
	/* fs/aio.c, aio_setup_ring(): its ring is a file mapping named "/[aio]" */
	maps = wait_maps(c, p->tgid);
	for (uint32_t i = 0; maps && i < maps->count; i++)
		if (maps->areas[i].path &&
		    strstr(strtab_get(maps->strings, maps->areas[i].path), "[aio]"))
			return "aio";
	return NULL;
}

static const char *kernel_poster(struct wait_ctx *c, const struct snap_process *waiter,
				 const struct snap_file *eventfd)
{
	struct find_target t = find_of_file(eventfd);
	const char *poster = NULL;

	if (eventfd->refs)
		return eventfd->refs > 1 ? "io_uring, aio, KVM or a cgroup" : NULL;
	poster = poster_of(c, waiter);
	for (const struct snap_file *f = NULL; !poster && (f = find_next(c, &t, f));) {
		const struct snap_process *p = snapshot_process(wait_snapshot(c), f->tgid);

		poster = p && p != waiter ? poster_of(c, p) : NULL;
	}
	return poster;
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct wait *w = model_wait(wait_model(c), f->wait);
	uint32_t object = w->object;
	bool reads = f->mode & MODE_READ || !(f->mode & MODE_WRITE);
	bool known = f->file->details && !f->edge;
	const char *poster = reads ? kernel_poster(c, f->process, f->file) : NULL;

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
	if (reads && poster)
		wait_unknown(c, f->wait, "%s may post to this eventfd from inside the kernel",
			     poster);
	if (f->mode & MODE_WRITE)
		wait_term_holders(c, f->wait, object, MODE_READ, AS_HOLDER);
	return true;
}

const struct wait_kind wait_eventfd = {
	.name = "eventfd",
	.files = 1u << FILE_EVENTFD,
	.decode_file = decode_file,
};
