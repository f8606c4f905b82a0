/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fanotify.c - an open or read that waits for a fanotify listener's permission.
 *
 * fs/notify/fanotify/fanotify.c, fanotify_get_response(). The listener's fdinfo names the inodes,
 * mounts and file systems that it watches; a mount or file system mark may mean any file.
 */
#include "base/strbuf.h"
#include "read/proc/procfs.h"
#include "waits/find.h"
#include "waits/paths.h"

#include <errno.h>
#include <inttypes.h>

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	const char *wchan = snapshot_str(wait_snapshot(c), t->wchan);

	return !strcmp(wchan, "fanotify_handle_event") || !strcmp(wchan, "fanotify_get_response");
}

/* The inode it wants and its name in `path`; 0 unknown. */
static uint64_t wanted_inode(struct wait_ctx *c, const struct snap_task *t, struct open_call *call)
{
	const struct snap_file *f;
	struct stat st;

	for (const int16_t *nr = path_openers; t->has_syscall && *nr >= 0; nr++)
		if (*nr == t->nr)
			return path_open_call(c, t, call) < 0 ||
					       path_stat(t->tid, call->dirfd, call->path, &st) < 0 ?
				       0 :
				       st.st_ino;
	f = t->has_syscall ? wait_file(c, t->tgid, (int32_t)t->args[0]) : NULL;
	if (!f)
		return 0;
	snprintf(call->path, sizeof(call->path), "%s", snapshot_str(wait_snapshot(c), f->path));
	return f->ino;
}

/*
 * Does the listener watch this inode, or a whole mount or file system? When it cannot be told: yes.
 */
static bool watches(const struct snap_file *f, uint64_t ino)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct snag_error err = SNAG_ERROR_INIT;
	char name[32];
	char *line, *rest;
	uint64_t marked;
	int rc;

	snprintf(name, sizeof(name), "fdinfo/%d", f->fd);
	rc = ino ? procfs_read_of(&text, f->tgid, 0, name, &err) : -EINVAL;
	if (rc == -ENOENT || rc == -ESRCH)
		return false; /* closed by now: a snag beside us opens one to learn what they are */
	if (rc < 0 || !text.len)
		return true;
	for (line = strtok_r(text.s, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (sscanf(line, "fanotify ino:%" SCNx64, &marked) == 1 && marked == ino)
			return true;
		if (!strncmp(line, "fanotify mnt_id:", 16) || !strncmp(line, "fanotify sdev:", 14))
			return true;
	}
	return false;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	struct open_call *call = xcalloc(1, sizeof(*call));
	_cleanup_free_ void *owned = call;
	struct snapshot *s = wait_snapshot(c);
	uint64_t ino = wanted_inode(c, site->task, call);
	uint32_t count = 0;

	model_wait(wait_model(c), site->wait)->completion = true;
	wait_describe(c, site->wait, WAIT_INOTIFY, "waiting for a fanotify listener to permit %s",
		      *call->path ? call->path : "its access to a file");
	for (uint32_t i = 0; i < s->files.count; i++) {
		const struct snap_file *f = &s->files.at[i];
		uint32_t object;

		if (f->kind != FILE_FANOTIFY || !watches(f, ino))
			continue;
		object = wait_file_object(c, f);
		model_wait(wait_model(c), site->wait)->object = object;
		wait_term_holders(c, site->wait, object, 0, AS_HOLDER);
		count++;
	}
	if (!count)
		wait_outside(c, site->wait, "a fanotify listener that is not in sight");
	return true;
}

const struct wait_kind wait_fanotify = {
	.name = "fanotify",
	.claims = claims,
	.decode = decode,
};
