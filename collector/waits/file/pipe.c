/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pipe.c - reading an empty pipe or FIFO, writing a full one.
 *
 * A reader is woken by a writer's bytes or by the last writer's close, a writer by a reader's read
 * or close: in both cases by whoever holds the other end (fs/pipe.c, anon_pipe_read() and
 * anon_pipe_write()).
 */
#include "waits/find.h"

static bool has_bytes(const struct snap_file *f)
{
	return f->pipe_used != UINT32_MAX && f->pipe_used > 0;
}

static bool has_room(const struct snap_file *f)
{
	return f->pipe_used != UINT32_MAX && f->pipe_slots != UINT32_MAX &&
	       f->pipe_used < f->pipe_slots;
}

/*
 * A FIFO whose writers are the reader itself, so that it sees no end of file, is the door of a
 * server: it waits for somebody to come in.
 */
static bool has_foreign_writer(struct wait_ctx *c, const struct wait_fd *f,
			       const struct find_target *t)
{
	const struct snap_file *other = NULL;

	while ((other = find_next(c, t, other)))
		if (other->mode & MODE_WRITE && other->tgid != f->process->tgid)
			return true;
	return false;
}

/* Somebody must write, or the last writer close. */
static void add_writers(struct wait_ctx *c, const struct wait_fd *f)
{
	struct find_target t = find_of_file(f->file);
	const char *name = wait_file_name(c, f->file);

	if (has_bytes(f->file) && f->mode & MODE_READ && !f->edge) {
		wait_now(c, f->wait, "%s has bytes in it", name);
		return;
	}
	/*
	 * poll() of a FIFO that never had a writer reports no hang-up: pipe_poll() compares
	 * w_counter.
	 */
	if (f->file->pipe_writers == 0 && !(f->file->named && f->in_set))
		wait_now(c, f->wait, "nobody has a write end of %s: end of file", name);
	else if (f->file->pipe_writers != 0 && !(f->file->named && !find_any(c, &t, MODE_WRITE)))
		find_holders(c, f->wait, &t, &(struct term){ .as = AS_HOLDER, .mode = MODE_WRITE },
			     "a write end of it");
	if (f->file->named && !has_foreign_writer(c, f, &t))
		wait_new(c, f->wait, "a new writer that opens %s", name);
}

/* Somebody must read, or the last reader close. */
static void add_readers(struct wait_ctx *c, const struct wait_fd *f)
{
	struct find_target t = find_of_file(f->file);
	const char *name = wait_file_name(c, f->file);

	if (has_room(f->file) && f->mode & MODE_WRITE && !f->edge) {
		wait_now(c, f->wait, "%s has room", name);
		return;
	}
	if (f->file->pipe_readers == 0)
		wait_now(c, f->wait, "nobody has a read end of %s: broken pipe", name);
	else
		find_holders(c, f->wait, &t, &(struct term){ .as = AS_HOLDER, .mode = MODE_READ },
			     "a read end of it");
}

/*
 * What it waits for, for people; a poll that asks for nothing still learns of the other end's
 * close.
 */
static const char *purpose(const struct wait_fd *f, bool reads)
{
	if (reads)
		return f->mode & MODE_READ ? "reading from" : "watching the writers of";
	return f->mode & MODE_WRITE ? "writing to a full" : "watching the readers of";
}

/*
 * In a set it is the end itself that decides, whatever it is watched for: a read end never reports
 * room, nor a write end bytes, but each of them that the other side is gone (fs/pipe.c,
 * pipe_poll()).
 */
static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const char *name = wait_file_name(c, f->file);
	bool reads = (f->in_set ? f->file->mode : f->mode) & MODE_READ;
	bool writes = !reads || (f->in_set && f->mode & f->file->mode & MODE_WRITE);
	struct wait *w = model_wait(wait_model(c), f->wait);

	w->input = reads;
	w->completion = writes && f->mode & MODE_WRITE;
	wait_describe(c, f->wait, reads ? WAIT_PIPE_READ : WAIT_PIPE_WRITE, "%s %s (fd %d)",
		      purpose(f, reads), name, f->fd);
	if (reads)
		add_writers(c, f);
	if (writes)
		add_readers(c, f);
	return true;
}

const struct wait_kind wait_pipe = {
	.name = "pipe",
	.files = 1u << FILE_PIPE,
	.decode_file = decode_file,
};
