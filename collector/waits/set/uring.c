/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uring.c - io_uring_enter(2) that waits for completions, and a ring that is polled.
 *
 * /proc never names the files of pending requests; the bpf reader lists those that wait for a file
 * to become ready, and says whether there are others. What a worker thread runs is in no list.
 */
#include "waits/find.h"

#include <inttypes.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef IORING_ENTER_EXT_ARG
#define IORING_ENTER_EXT_ARG (1u << 3)
#endif
/* Linux 6.12: the time-out is a point in time of the ring's clock. */
enum { ENTER_ABS_TIMER = 1 << 5 };

/* struct io_uring_getevents_arg of include/uapi/linux/io_uring.h */
struct enter_arg {
	uint64_t sigmask;
	uint32_t sigmask_size, min_wait_us;
	uint64_t timespec;
};

static uint8_t mode_of(const struct snap_uring_req *r)
{
	switch (r->opcode) {
	case IORING_OP_READ:
	case IORING_OP_READV:
	case IORING_OP_READ_FIXED:
	case IORING_OP_RECV:
	case IORING_OP_RECVMSG:
	case IORING_OP_ACCEPT:
		return MODE_READ;
	case IORING_OP_WRITE:
	case IORING_OP_WRITEV:
	case IORING_OP_WRITE_FIXED:
	case IORING_OP_SEND:
	case IORING_OP_SENDMSG:
	case IORING_OP_CONNECT:
		return MODE_WRITE;
	default:
		return MODE_READ | MODE_WRITE;
	}
}

/* The ring may be shared: its requests are listed under one of its descriptors. */
static bool is_of_ring(struct wait_ctx *c, const struct snap_uring_req *r,
		       const struct snap_file *ring)
{
	const struct snap_file *f = wait_file(c, r->tgid, r->fd);
	struct find_target t = find_of_file(ring);

	return f && (f == ring || find_is(&t, f));
}

static uint32_t add_items(struct wait_ctx *c, const struct wait_site *site,
			  const struct snap_file *ring)
{
	const struct snapshot *s = wait_snapshot(c);
	uint32_t items = 0;

	for (uint32_t i = 0; i < s->uring.count; i++) {
		const struct snap_uring_req *r = &s->uring.at[i];
		struct find_target t = { .kind = r->kind,
					 .dev = r->dev,
					 .ino = r->ino,
					 .id = r->id,
					 .description = r->description };
		const struct snap_file *f;

		if (!is_of_ring(c, r, ring))
			continue;
		f = find_best(c, &t, site->task->tgid, mode_of(r));
		f = f ? wait_file(c, f->tgid, f->fd) : NULL;
		wait_item(c, site, f, f && f->tgid == site->task->tgid ? f->fd : -1, mode_of(r));
		items++;
	}
	return items;
}

/* Requests that wait for no file; the kernel lists them apart. How many sorts of them there are. */
static uint32_t add_without_file(struct wait_ctx *c, uint32_t wait, uint64_t waits)
{
	if (waits & URING_TIMEOUTS)
		wait_term(c, wait, (struct term){ .kind = TERM_TIME }, "a time-out in the ring");
	if (waits & URING_CHILDREN)
		wait_unknown(c, wait, "for which children the ring waits");
	if (waits & URING_FUTEXES)
		wait_unknown(c, wait, "for which futexes the ring waits");
	return !!(waits & URING_TIMEOUTS) + !!(waits & URING_CHILDREN) + !!(waits & URING_FUTEXES);
}

static void decode_ring(struct wait_ctx *c, const struct wait_site *site,
			const struct snap_file *ring, uint32_t wanted)
{
	bool known = wait_snapshot(c)->has_uring;
	uint32_t items = known ? add_items(c, site, ring) : 0;

	wait_describe(c, site->wait, WAIT_IO_URING,
		      items == 1 ?
			      "waiting for an io_uring completion, %u request is pending (fd %d)" :
			      "waiting for io_uring completions, %u requests are pending (fd %d)",
		      items, ring->fd);
	wait_items_done(c, site->wait);
	if (known)
		items += add_without_file(c, site->wait, ring->value);
	if (!known)
		wait_unknown(c, site->wait, "the requests of an io_uring need the bpf reader");
	else if (items < wanted)
		wait_unknown(c, site->wait,
			     "io_uring requests that a worker thread runs cannot be seen");
}

static void add_timeout(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	struct enter_arg arg;
	int rc;

	if (!(t->args[3] & IORING_ENTER_EXT_ARG) || !t->args[4] || t->args[5] < sizeof(arg))
		return;
	rc = wait_mem(c, t->tgid, t->args[4], &arg, sizeof(arg));
	if (rc < 0)
		wait_unknown(c, site->wait, "its time-out could not be read: %s", strerror(-rc));
	else
		wait_timeout_at(c, site, arg.timespec, t->args[3] & ENTER_ABS_TIMER,
				CLOCK_MONOTONIC);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	const struct snap_file *ring = wait_file(c, t->tgid, (int32_t)t->args[0]);
	uint32_t object;

	if (!(t->args[3] & IORING_ENTER_GETEVENTS))
		return false;
	if (!ring || ring->kind != FILE_IO_URING) {
		/* A registered ring has an index in the place of a descriptor. */
		wait_describe(c, site->wait, WAIT_IO_URING, "waiting for an io_uring completion");
		wait_unknown(c, site->wait, "the ring of descriptor %d is not known",
			     (int32_t)t->args[0]);
	} else {
		object = wait_file_object(c, ring);
		model_wait(wait_model(c), site->wait)->object = object;
		model_wait(wait_model(c), site->wait)->fd = ring->fd;
		decode_ring(c, site, ring, (uint32_t)t->args[2]);
	}
	add_timeout(c, site);
	return true;
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct wait_site site = { .task = f->task,
				  .process = f->process,
				  .thread = model_wait(wait_model(c), f->wait)->thread,
				  .wait = f->wait };

	decode_ring(c, &site, f->file, 1);
	return true;
}

const struct wait_kind wait_uring = {
	.name = "uring",
	.syscalls = (const int16_t[]){ SYS_io_uring_enter, -1 },
	.files = 1u << FILE_IO_URING,
	.decode = decode,
	.decode_file = decode_file,
};
