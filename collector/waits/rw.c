/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rw.c - the system calls that read or write one descriptor, or move bytes between two.
 *
 * They only say which descriptor and which way; what ends the wait is told by the kind that knows
 * the file.
 */
#include "waits/wait.h"

#include <string.h>
#include <sys/syscall.h>

/* ---- one descriptor, in the first argument -------------------------------------------------- */

static const int16_t readers[] = {
	SYS_read,    SYS_readv,	   SYS_pread64, SYS_preadv,  SYS_preadv2, SYS_recvfrom,
	SYS_recvmsg, SYS_recvmmsg, SYS_accept,	SYS_accept4, -1,
};
static const int16_t writers[] = {
	SYS_write,  SYS_writev,	 SYS_pwrite64, SYS_pwritev, SYS_pwritev2,
	SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_connect, -1,
};

/*
 * The time-out of recvmmsg is looked at between messages only, so it ends no wait (recvmmsg(2),
 * BUGS).
 */
static bool decode_read(struct wait_ctx *c, const struct wait_site *site)
{
	wait_on_file(c, site, (int32_t)site->task->args[0], MODE_READ);
	return true;
}

static bool decode_write(struct wait_ctx *c, const struct wait_site *site)
{
	wait_on_file(c, site, (int32_t)site->task->args[0], MODE_WRITE);
	return true;
}

const struct wait_kind wait_read = {
	.name = "read",
	.uninterruptible = true, /* the kinds of file say which are */
	.syscalls = readers,
	.decode = decode_read,
};

const struct wait_kind wait_write = {
	.name = "write",
	.uninterruptible = true, /* the kinds of file say which are */
	.syscalls = writers,
	.decode = decode_write,
};

/* ---- from one descriptor to another --------------------------------------------------------- */

static const int16_t movers[] = {
	SYS_splice, SYS_tee, SYS_sendfile, SYS_copy_file_range, SYS_vmsplice, -1,
};

/*
 * Which arguments are the descriptor that is read and the one that is written; -1: there is none.
 */
struct ends {
	int32_t in, out;
};

static struct ends find_ends(struct wait_ctx *c, const struct snap_task *t)
{
	const struct snap_file *f;
	int32_t first = (int32_t)t->args[0];

	switch (t->nr) {
	case SYS_sendfile:
		return (struct ends){ .in = (int32_t)t->args[1], .out = first };
	case SYS_tee:
		return (struct ends){ .in = first, .out = (int32_t)t->args[1] };
	case SYS_vmsplice:
		f = wait_file(c, t->tgid, first);
		if (f && !(f->mode & MODE_WRITE))
			return (struct ends){ .in = first, .out = -1 };
		return (struct ends){ .in = -1, .out = first };
	default:
		return (struct ends){ .in = first, .out = (int32_t)t->args[2] };
	}
}

/*
 * -1: it waits for input, 1: for room, 0: cannot be told. A fact about a pipe first, then the
 * symbol.
 */
static int which_end(struct wait_ctx *c, const struct snap_task *t, const struct ends *e)
{
	const struct snap_file *in = e->in < 0 ? NULL : wait_file(c, t->tgid, e->in);
	const struct snap_file *out = e->out < 0 ? NULL : wait_file(c, t->tgid, e->out);
	const char *wchan = snapshot_str(wait_snapshot(c), t->wchan);

	if (e->out < 0)
		return -1;
	if (e->in < 0 || (in && in->kind == FILE_REGULAR))
		return 1;
	if (out && out->kind == FILE_REGULAR)
		return -1;
	/* The names of fs/pipe.c; whatever else sleeps is the end that is no pipe. */
	if (strcmp(wchan, "pipe_wait_readable") == 0)
		return -1;
	if (strcmp(wchan, "pipe_wait_writable") == 0)
		return 1;
	if (in && in->kind == FILE_PIPE && in->pipe_used != UINT32_MAX)
		return in->pipe_used ? 1 : -1;
	return 0;
}

static bool decode_move(struct wait_ctx *c, const struct wait_site *site)
{
	struct ends e = find_ends(c, site->task);
	int side = which_end(c, site->task, &e);
	struct wait *w;

	if (side < 0) {
		wait_on_file(c, site, e.in, MODE_READ);
		return true;
	}
	if (side > 0) {
		wait_on_file(c, site, e.out, MODE_WRITE);
		return true;
	}
	/* One of the two, so what ends either may end it: more ways than there are, never fewer. */
	wait_item(c, site, wait_file(c, site->task->tgid, e.in), e.in, MODE_READ);
	wait_item(c, site, wait_file(c, site->task->tgid, e.out), e.out, MODE_WRITE);
	w = model_wait(wait_model(c), site->wait);
	w->input = true;
	wait_describe(c, site->wait, WAIT_UNKNOWN, "moving bytes from fd %d to fd %d", e.in, e.out);
	wait_items_done(c, site->wait);
	return true;
}

const struct wait_kind wait_move = {
	.name = "move",
	.syscalls = movers,
	.decode = decode_move,
};
