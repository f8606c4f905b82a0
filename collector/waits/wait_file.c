/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/wait_ctx.h"

/* ---- from a descriptor to the kind that knows it -------------------------------------------- */

/* What nobody decodes: the text says what it is, so that the reader sees what is missing. */
static void decode_other(struct wait_ctx *c, const struct wait_fd *f)
{
	const char *text = wait_file_name(c, f->file);

	wait_describe(c, f->wait, WAIT_UNKNOWN, "waiting for %s (fd %d)", text, f->fd);
	if (f->file->kind == FILE_UNKNOWN)
		wait_unknown(c, f->wait, "what descriptor %d of process %d is could not be read",
			     f->fd, f->process->tgid);
	else
		wait_unknown(c, f->wait, "waits for %s are not decoded", text);
}

static void decode_closed(struct wait_ctx *c, const struct wait_fd *f)
{
	wait_describe(c, f->wait, WAIT_UNKNOWN, "waiting for descriptor %d", f->fd);
	if (f->process->denied)
		wait_unknown(c, f->wait, "the descriptors of process %d may not be read",
			     f->process->tgid);
	else
		wait_unknown(c, f->wait,
			     "descriptor %d of process %d is closed by now, or could not be read",
			     f->fd, f->process->tgid);
}

static void refer(struct wait_ctx *c, const struct wait_fd *f)
{
	uint32_t object = wait_file_object(c, f->file);
	struct wait *w = model_wait(c->model, f->wait);

	w->object = object;
	w->fd = f->fd;
	if (object)
		model_object(c->model, object)->relevant = true;
}

void wait_decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	uint32_t count;
	const struct wait_kind *const *kinds = wait_kinds(&count);
	bool inside = f->task->state == 'D' && !f->in_set;

	if (!f->file) {
		model_wait(c->model, f->wait)->fd = f->fd;
		decode_closed(c, f);
		return;
	}
	refer(c, f);
	for (uint32_t i = 0; i < count; i++)
		if (kinds[i]->decode_file && kinds[i]->files & 1u << f->file->kind &&
		    (!inside || kinds[i]->uninterruptible) && kinds[i]->decode_file(c, f))
			return;
	if (inside)
		wait_inside_kernel(c, f->wait, f->task);
	else
		decode_other(c, f);
}

void wait_on_file(struct wait_ctx *c, const struct wait_site *site, int32_t fd, uint8_t mode)
{
	struct wait_fd f = {
		.task = site->task,
		.process = site->process,
		.file = wait_file(c, site->task->tgid, fd),
		.fd = fd,
		.mode = mode,
		.wait = site->wait,
	};

	wait_decode_file(c, &f);
}

/* ---- sets ----------------------------------------------------------------------------------- */

uint32_t wait_item(struct wait_ctx *c, const struct wait_site *site, const struct snap_file *file,
		   int32_t fd, uint8_t mode)
{
	struct wait_fd f = {
		.task = site->task,
		.process = site->process,
		.file = file,
		.fd = fd,
		.mode = mode & (MODE_READ | MODE_WRITE),
		.in_set = true,
		.edge = mode & WAIT_EDGE,
	};
	struct wait *w;

	if (!c->items_left) {
		c->items_cut = true;
		return 0;
	}
	c->items_left--;
	f.wait = model_add_wait(c->model, site->thread, site->wait);
	w = model_wait(c->model, f.wait);
	w->op = model_wait(c->model, site->wait)->op;
	w->since_ms = model_wait(c->model, site->wait)->since_ms;
	wait_decode_file(c, &f);
	return f.wait;
}

void wait_items_done(struct wait_ctx *c, uint32_t parent)
{
	uint32_t end = c->model->waits.count;

	/* Items come after their parent; those of nested sets lie in between. */
	for (uint32_t id = parent + 1; id <= end; id++)
		if (model_wait(c->model, id)->parent == parent)
			wait_term(c, parent, (struct term){ .kind = TERM_WAIT, .id = id }, NULL);
	if (c->items_cut)
		wait_unknown(c, parent, "only the first %d descriptors of a set are looked at",
			     WAIT_ITEMS_MAX);
}
