/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * disk.c - reading, writing or syncing what no process serves: files, directories, devices.
 */
#include "waits/wait.h"

#include <linux/major.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* null, zero, full, random, urandom: drivers/char/mem.c and random.c, which are never not ready. */
static bool always_ready(const struct snap_file *f)
{
	static const unsigned int minors[] = { 3, 5, 7, 8, 9 };

	for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++)
		if (f->value == makedev(MEM_MAJOR, minors[i]))
			return true;
	return false;
}

static void decode_item(struct wait_ctx *c, const struct wait_fd *f, const char *path)
{
	if (f->file->kind == FILE_DEVICE && !always_ready(f->file))
		wait_outside(c, f->wait, "the device %s", path);
	else if (starts_with(path, "/proc/") || starts_with(path, "/sys/"))
		/* mountinfo, pressure, cgroup.events and their like report changes to poll. */
		wait_new(c, f->wait, "a change of %s", path);
	else if (f->edge)
		wait_never(c, f->wait, "%s is always ready, and this set was told already", path);
	else
		wait_now(c, f->wait, "%s is always ready", path);
}

static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	const char *path = wait_file_name(c, f->file);
	const char *verb = f->mode & MODE_WRITE ? "writing" : "reading";

	if (f->in_set)
		verb = "watching";
	wait_describe(c, f->wait, WAIT_DISK, "%s %s (fd %d)", verb, path, f->fd);
	if (f->in_set)
		decode_item(c, f, path);
	else if (f->file->kind == FILE_DEVICE)
		wait_outside(c, f->wait, "the device %s", path);
	else
		wait_outside(c, f->wait, "the device or server of %s", path);
	return true;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	if (site->task->nr != SYS_sync) {
		wait_on_file(c, site, (int32_t)site->task->args[0], MODE_WRITE);
		return true;
	}
	wait_describe(c, site->wait, WAIT_DISK, "writing all file systems to their devices");
	wait_outside(c, site->wait, "the devices of all file systems");
	return true;
}

const struct wait_kind wait_disk = {
	.name = "disk",
	.uninterruptible = true,
	.syscalls = (const int16_t[]){ SYS_fsync, SYS_fdatasync, SYS_sync, SYS_syncfs,
				       SYS_sync_file_range, SYS_getdents, SYS_getdents64,
				       SYS_ftruncate, SYS_fallocate, -1 },
	.files = 1u << FILE_REGULAR | 1u << FILE_DIRECTORY | 1u << FILE_DEVICE,
	.decode = decode,
	.decode_file = decode_file,
};
