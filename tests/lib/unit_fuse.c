/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_fuse.h"

#include "lib/unit_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILE_NODE = 2, ANSWERS_FOR_SECONDS = 3600 };

static void answer(int fd, uint64_t unique, const void *data, size_t size)
{
	struct fuse_out_header h = { .len = (uint32_t)(sizeof(h) + size), .unique = unique };
	struct iovec v[] = { { &h, sizeof(h) }, { (void *)(uintptr_t)data, size } };

	if (writev(fd, v, 2) < 0)
		_exit(1);
}

static void answer_error(int fd, uint64_t unique, int error)
{
	struct fuse_out_header h = { .len = sizeof(h), .unique = unique, .error = error };

	if (write(fd, &h, sizeof(h)) < 0)
		_exit(1);
}

static void fill_attributes(struct fuse_attr *attr, uint64_t node)
{
	attr->ino = node;
	attr->mode = node == FILE_NODE ? S_IFREG | 0644 : S_IFDIR | 0755;
	attr->size = 4096;
	attr->nlink = 1;
}

static void serve_one(int fd, const struct fuse_in_header *in)
{
	struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION,
				      .minor = 31,
				      .max_write = 4096 };
	struct fuse_entry_out entry = { .nodeid = FILE_NODE,
					.entry_valid = ANSWERS_FOR_SECONDS,
					.attr_valid = ANSWERS_FOR_SECONDS };
	struct fuse_attr_out attr = { .attr_valid = ANSWERS_FOR_SECONDS };
	struct fuse_open_out open = { .fh = 1 };

	switch (in->opcode) {
	case FUSE_INIT:
		answer(fd, in->unique, &init, sizeof(init));
		break;
	case FUSE_LOOKUP:
		fill_attributes(&entry.attr, FILE_NODE);
		answer(fd, in->unique, &entry, sizeof(entry));
		break;
	case FUSE_GETATTR:
		fill_attributes(&attr.attr, in->nodeid);
		answer(fd, in->unique, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		answer(fd, in->unique, &open, sizeof(open));
		break;
	case FUSE_READ:
	case FUSE_FORGET:
		break; /* a read stays without an answer, this is what it is for */
	default:
		answer_error(fd, in->unique, -ENOSYS);
		break;
	}
}

static void serve(void *arg)
{
	_Alignas(8) char request[65536];
	int fd = *(int *)arg;

	while (read(fd, request, sizeof(request)) >= (ssize_t)sizeof(struct fuse_in_header))
		serve_one(fd, (const void *)request);
}

bool fuse_mount(const char *dir, int32_t *server)
{
	char options[64];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (fd < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("snag-test", dir, "fuse", 0, options) < 0) {
		close(fd);
		return false;
	}
	*server = child_start(serve, &fd);
	close(fd);
	return true;
}
