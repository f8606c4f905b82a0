/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * events.c - descriptors on which the kernel reports something new that anybody may cause: file
 * events, page faults to serve, requests of a file system, system calls to decide on. A server at
 * rest waits in them.
 */
#include "waits/wait.h"

static const struct source {
	enum wait_type kind;
	const char *waits, *input;
} sources[FILE_KIND_COUNT] = {
	[FILE_INOTIFY] = { WAIT_INOTIFY, "waiting for a file event (inotify", "a file event" },
	[FILE_FANOTIFY] = { WAIT_INOTIFY, "waiting for a file event (fanotify", "a file event" },
	[FILE_USERFAULTFD] = { WAIT_USERFAULT, "waiting for a page fault to serve (userfaultfd",
			       "a page fault in the memory that it serves" },
	[FILE_FUSE_DEV] = { WAIT_FUSE, "waiting for a request to its file system (fuse",
			    "a request to the file system that it serves" },
	[FILE_SECCOMP_NOTIFY] = { WAIT_SECCOMP, "waiting for a system call to decide on (seccomp",
				  "a system call of a process that its filter watches" },
};

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const struct source *s = &sources[f->file->kind];

	wait_describe(c, f->wait, s->kind, "%s, fd %d)", s->waits, f->fd);
	wait_new(c, f->wait, "%s", s->input);
	return true;
}

const struct wait_kind wait_events = {
	.name = "events",
	.files = 1u << FILE_INOTIFY | 1u << FILE_FANOTIFY | 1u << FILE_USERFAULTFD |
		 1u << FILE_FUSE_DEV | 1u << FILE_SECCOMP_NOTIFY,
	.decode_file = decode_file,
};
