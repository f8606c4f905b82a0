/* SPDX-License-Identifier: BSD-2-Clause */
#include "waits/paths.h"

#include "read/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

enum { STAT_TIMEOUT_MS = 200 };

const int16_t path_openers[] = { SYS_open, SYS_openat, SYS_openat2, SYS_creat, -1 };

int path_open_call(struct wait_ctx *c, const struct snap_task *t, struct open_call *call)
{
	uint64_t path = t->args[1];
	int rc = 0;

	call->dirfd = (int32_t)t->args[0];
	call->flags = t->args[2];
	if (t->nr == SYS_open || t->nr == SYS_creat) {
		call->dirfd = AT_FDCWD;
		call->flags = t->nr == SYS_open ? t->args[1] : O_WRONLY | O_CREAT | O_TRUNC;
		path = t->args[0];
	} else if (t->nr == SYS_openat2) {
		/* struct open_how begins with its flags. */
		rc = wait_mem(c, t->tgid, t->args[2], &call->flags, sizeof(call->flags));
	}
	return rc < 0 ? rc : wait_mem_str(c, t->tgid, path, call->path, sizeof(call->path));
}

struct stat_job {
	char path[PATH_BYTES + 64];
	struct stat st;
};

static int stat_worker(void *arg)
{
	struct stat_job *job = arg;

	return stat(job->path, &job->st) < 0 ? -errno : 0;
}

int path_stat(int32_t tid, int32_t dirfd, const char *path, struct stat *st)
{
	struct stat_job *job = xcalloc(1, sizeof(*job));
	int rc;

	if (path[0] == '/')
		snprintf(job->path, sizeof(job->path), "/proc/%d/root%s", tid, path);
	else if (dirfd == AT_FDCWD)
		snprintf(job->path, sizeof(job->path), "/proc/%d/cwd/%s", tid, path);
	else
		snprintf(job->path, sizeof(job->path), "/proc/%d/fd/%d/%s", tid, dirfd, path);
	rc = deadline_call(stat_worker, job, free, STAT_TIMEOUT_MS);
	/* A worker that did not come back owns the job now. */
	if (rc == -ETIMEDOUT)
		return rc;
	if (!rc)
		*st = job->st;
	free(job);
	return rc;
}
