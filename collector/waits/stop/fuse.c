/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse.c - a file system whose server is a process: a request that nobody answers yet.
 *
 * The client sleeps in request_wait_answer() (fs/fuse/dev.c) whatever system call or page fault
 * brought it there. The device number of the mount is the connection, and "fuse_connection:" in
 * fdinfo of /dev/fuse says who serves it. A look at the path itself would end up in the same sleep,
 * so only mountinfo is asked.
 */
#include "read/proc/mounts.h"
#include "waits/stop/outside.h"
#include "waits/stop/wchan.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	return stop_sleeps_in(c, t, "request_wait_answer");
}

/* ---- which connection -------------------------------------------------------------------------
 */

/* Which argument is a path: 1 + its number, 0 none. Behind a directory descriptor it is the second.
 */
static int path_argument(int32_t nr)
{
	static const int16_t first[] = {
		SYS_open,   SYS_stat,	  SYS_lstat,	SYS_access,    SYS_execve,
		SYS_chdir,  SYS_rename,	  SYS_mkdir,	SYS_rmdir,     SYS_creat,
		SYS_unlink, SYS_readlink, SYS_chmod,	SYS_chown,     SYS_lchown,
		SYS_statfs, SYS_truncate, SYS_getxattr, SYS_lgetxattr,
	};
	static const int16_t second[] = {
		SYS_openat, SYS_openat2,   SYS_mkdirat,	   SYS_newfstatat, SYS_unlinkat,
		SYS_statx,  SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_execveat,
	};

	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++)
		if (first[i] == nr)
			return 1;
	for (size_t i = 0; i < sizeof(second) / sizeof(*second); i++)
		if (second[i] == nr)
			return 2;
	return 0;
}

/* The path that the call is about, absolute; false when it has none or it cannot be told. */
static bool find_path(struct wait_ctx *c, const struct snap_task *t, char *path, size_t size)
{
	int arg = t->has_syscall ? path_argument(t->nr) : 0;
	char given[PATH_MAX], link[64], dir[PATH_MAX];
	ssize_t n;

	if (!arg || wait_mem_str(c, t->tgid, t->args[arg - 1], given, sizeof(given)) < 0)
		return false;
	if (*given == '/')
		return snprintf(path, size, "%s", given) < (int)size;
	if (arg == 2 && (int32_t)t->args[0] >= 0)
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", t->tgid, (int32_t)t->args[0]);
	else
		snprintf(link, sizeof(link), "/proc/%d/cwd", t->tgid);
	n = readlink(link, dir, sizeof(dir) - 1);
	if (n <= 0)
		return false;
	dir[n] = '\0';
	return snprintf(path, size, "%s/%s", dir, given) < (int)size;
}

static bool is_fuse(const struct mount *m)
{
	return !strncmp(m->type, "fuse", 4);
}

/*
 * The mount that a path lies on: the longest mount point in front of it, the last one mounted
 * there.
 */
static const struct mount *mount_of(const struct mounts *m, const char *path)
{
	const struct mount *best = NULL;
	size_t longest = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		size_t len = strlen(m->at[i].point);

		if (len == 1)
			len = 0;
		if (strncmp(path, m->at[i].point, len) || (path[len] && path[len] != '/') ||
		    len < longest)
			continue;
		best = &m->at[i];
		longest = len;
	}
	return best;
}

/* The device that the call works on, 0 when that cannot be told. */
static uint64_t find_device(struct wait_ctx *c, const struct snap_task *t, const struct mounts *m)
{
	char path[2 * PATH_MAX];
	const struct mount *mount;
	const struct snap_file *f;

	if (find_path(c, t, path, sizeof(path))) {
		mount = mount_of(m, path);
		return mount && is_fuse(mount) ? mount->dev : 0;
	}
	if (!t->has_syscall || path_argument(t->nr))
		return 0;
	f = snapshot_file(wait_snapshot(c), t->tgid, (int32_t)t->args[0]);
	return f ? f->dev : 0;
}

/* ---- who serves it ----------------------------------------------------------------------------
 */

static uint32_t connection(struct wait_ctx *c, uint64_t dev, const char *point)
{
	struct model *m = wait_model(c);
	struct outside_query q = {
		.kind = FILE_FUSE_DEV,
		.link = "/dev/fuse",
		.fdinfo = "fuse_connection:\t",
		.value = minor(dev),
	};
	uint32_t before = m->objects.count, id;
	char key[32];

	snprintf(key, sizeof(key), "fuse:[%u]", minor(dev));
	id = outside_object(c, &q, "fuse", key);
	if (id > before)
		model_object(m, id)->label = strtab_add(m->strings, point);
	return id;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	_cleanup_mounts_ struct mounts *mounts = mounts_read(site->process->tgid);
	struct model *m = wait_model(c);
	uint64_t dev = find_device(c, site->task, mounts);
	const char *where = "";

	model_wait(m, site->wait)->completion = true;
	wait_describe(c, site->wait, WAIT_FUSE, "waiting for a FUSE server");
	if (dev && (!mounts_find(mounts, dev) || !is_fuse(mounts_find(mounts, dev))))
		dev = 0;
	for (uint32_t i = 0; i < mounts->count; i++) {
		const struct mount *at = &mounts->at[i];
		uint32_t object;

		if (!is_fuse(at) || (dev && at->dev != dev) || at != mounts_find(mounts, at->dev))
			continue;
		where = at->point;
		object = connection(c, at->dev, at->point);
		model_wait(m, site->wait)->object = object;
		if (outside_has_holder(m, object))
			wait_term_holders(c, site->wait, object, 0, AS_OWNER);
		else
			wait_unknown(c, site->wait, "who serves FUSE connection %u (%s)",
				     minor(at->dev), at->point);
	}
	if (*where)
		wait_describe(c, site->wait, WAIT_FUSE,
			      "waiting for the server of the FUSE file system at %s", where);
	else
		wait_unknown(c, site->wait, "which FUSE file system it is could not be found");
	return true;
}

/* The server itself, at rest. */
static bool decode_file(struct wait_ctx *c, const struct wait_fd *f)
{
	wait_describe(c, f->wait, WAIT_FUSE,
		      "waiting for a request to FUSE connection %llu (fd %d)",
		      (unsigned long long)f->file->value, f->fd);
	wait_new(c, f->wait, "anyone who uses the file system of FUSE connection %llu",
		 (unsigned long long)f->file->value);
	return true;
}

const struct wait_kind wait_fuse = {
	.name = "fuse",
	.files = 1u << FILE_FUSE_DEV,
	.claims = claims,
	.decode = decode,
	.decode_file = decode_file,
};
