/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mq.c - POSIX message queues: an empty one that is read, a full one that is written, either of
 * them polled.
 */
#include "waits/wait.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>

static const int16_t numbers[] = { SYS_mq_timedreceive, SYS_mq_timedsend, -1 };

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;

	wait_on_file(c, site, (int32_t)t->args[0],
		     t->nr == SYS_mq_timedreceive ? MODE_READ : MODE_WRITE);
	wait_timeout_at(c, site, t->args[4], true, CLOCK_REALTIME);
	return true;
}

/* What has no name any more can be opened by nobody new. */
static bool is_unlinked(const char *path)
{
	static const char suffix[] = " (deleted)";
	size_t len = strlen(path);

	return len >= sizeof(suffix) - 1 && !strcmp(path + len - (sizeof(suffix) - 1), suffix);
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	struct model *m = wait_model(c);
	struct wait *w = model_wait(m, f->wait);
	const char *path = snapshot_str(wait_snapshot(c), f->file->path);
	const char *verb = f->mode == MODE_WRITE ? "sending to full" : "receiving from";

	w->input = f->mode & MODE_READ;
	w->completion = f->mode == MODE_WRITE;
	if (f->in_set)
		verb = "polling";
	wait_describe(c, f->wait, WAIT_MQ, "%s message queue %s (fd %d)", verb, path, f->fd);
	if (f->mode & MODE_READ)
		wait_term_holders(c, f->wait, w->object, MODE_WRITE, AS_PEER);
	if (f->mode & MODE_WRITE)
		wait_term_holders(c, f->wait, w->object, MODE_READ, AS_PEER);
	if (!is_unlinked(path))
		wait_new(c, f->wait, "anyone who opens message queue %s", path);
	return true;
}

const struct wait_kind wait_mq = {
	.name = "mq",
	.syscalls = numbers,
	.files = 1u << FILE_MQUEUE,
	.decode = decode,
	.decode_file = decode_file,
};
