/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fifo_open.c - opening a FIFO until somebody opens its other end (fs/pipe.c, wait_for_partner()).
 */
#include "waits/paths.h"
#include "waits/wait.h"

#include <fcntl.h>

/* The FIFO that is being opened, as one that nobody needs to have open. */
static bool find_fifo(struct wait_ctx *c, const struct wait_site *site,
		      const struct open_call *call, struct snap_file *fifo)
{
	struct snapshot *s = wait_snapshot(c);
	bool partner = !strcmp(snapshot_str(s, site->task->wchan), "wait_for_partner");
	struct stat st = { .st_mode = 0 };
	int rc = path_stat(site->task->tid, call->dirfd, call->path, &st);

	if (rc < 0 ? !partner : !S_ISFIFO(st.st_mode))
		return false;
	*fifo = (struct snap_file){ .fd = -1,
				    .kind = FILE_PIPE,
				    .named = true,
				    .dev = st.st_dev,
				    .ino = st.st_ino,
				    .path = strtab_add(s->strings, call->path),
				    .pipe_readers = UINT32_MAX,
				    .pipe_writers = UINT32_MAX,
				    .pipe_used = UINT32_MAX,
				    .pipe_slots = UINT32_MAX };
	return true;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	struct open_call *call = xcalloc(1, sizeof(*call));
	_cleanup_free_ void *owned = call;
	struct snap_file fifo;
	uint32_t object;
	bool writes;

	if (path_open_call(c, site->task, call) < 0 || !find_fifo(c, site, call, &fifo))
		return false;
	writes = (call->flags & O_ACCMODE) == O_WRONLY;
	if (fifo.ino) {
		object = wait_file_object(c, &fifo);
		model_object(wait_model(c), object)->relevant = true;
		model_wait(wait_model(c), site->wait)->object = object;
	}
	/* whoever opens a FIFO counts on a partner: not a server at rest */
	model_wait(wait_model(c), site->wait)->completion = true;
	wait_describe(c, site->wait, WAIT_FIFO_OPEN, "opening FIFO %s to %s", call->path,
		      writes ? "write, nobody has it open to read" :
			       "read, nobody has it open to write");
	wait_new(c, site->wait, "a process that opens %s to %s", call->path,
		 writes ? "read" : "write");
	return true;
}

const struct wait_kind wait_fifo_open = {
	.name = "fifo_open",
	.syscalls = path_openers,
	.decode = decode,
};
