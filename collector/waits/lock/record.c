/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record.c - fcntl(2) locks on ranges of a file: of a process (F_SETLKW) or of an open file
 * description (F_OFD_SETLKW). lockf(3) is the first of them.
 */
#include "waits/lock/held.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

static const int16_t numbers[] = { SYS_fcntl, -1 };

/* Fill type and range from the struct flock of the call. -errno when it could not be read. */
static int read_request(struct wait_ctx *c, const struct wait_site *site, struct lock_request *r)
{
	struct flock l;
	int rc = wait_mem(c, site->process->tgid, site->task->args[2], &l, sizeof(l));

	r->write = true;
	r->end = UINT64_MAX;
	if (rc < 0)
		return rc;
	r->write = l.l_type != F_RDLCK;
	/*
	 * Relative to a position that we do not know: then the whole file, unless /proc/locks
	 * tells.
	 */
	if (l.l_whence != SEEK_SET || l.l_start < 0)
		return 0;
	r->start = (uint64_t)l.l_start;
	if (l.l_len > 0)
		r->end = r->start + (uint64_t)l.l_len - 1;
	if (l.l_len < 0 && l.l_start + l.l_len >= 0) {
		r->end = r->start - 1;
		r->start = (uint64_t)(l.l_start + l.l_len);
	}
	return 0;
}

static void describe(struct wait_ctx *c, const struct wait_site *site, const struct snap_file *f,
		     const struct lock_request *r)
{
	char range[64];

	if (r->end == UINT64_MAX)
		snprintf(range, sizeof(range), "from %" PRIu64 " on", r->start);
	else
		snprintf(range, sizeof(range), "%" PRIu64 " to %" PRIu64, r->start, r->end);
	wait_describe(c, site->wait, WAIT_RECORD_LOCK, "locking %s (fd %d, bytes %s, %s%s)",
		      snapshot_str(wait_snapshot(c), f->path), r->fd, range,
		      r->write ? "for writing" : "for reading",
		      r->type == LOCK_OFD ? ", by description" : "");
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	const struct snap_file *f = wait_file(c, t->tgid, (int32_t)t->args[0]);
	struct model *m = wait_model(c);
	struct lock_request r = { .tgid = t->tgid, .fd = (int32_t)t->args[0] };
	uint32_t object;
	int rc;

	if (t->args[1] != F_SETLKW && t->args[1] != F_OFD_SETLKW)
		return false;
	r.type = t->args[1] == F_SETLKW ? LOCK_POSIX : LOCK_OFD;
	if (!f) {
		wait_describe(c, site->wait, WAIT_RECORD_LOCK, "locking fd %d", r.fd);
		wait_unknown(c, site->wait, "descriptor %d of process %d could not be read", r.fd,
			     t->tgid);
		return true;
	}
	r.dev = f->dev;
	r.ino = f->ino;
	rc = read_request(c, site, &r);
	if (!(wait_locks(c) && lock_own_line(wait_locks(c), &r)) && rc < 0) {
		wait_describe(c, site->wait, WAIT_RECORD_LOCK, "locking fd %d", r.fd);
		wait_unknown(c, site->wait, "which bytes it locks could not be read: %s",
			     strerror(-rc));
		return true;
	}
	object = lock_object(c, &r, "record-lock");
	model_wait(m, site->wait)->object = object;
	model_wait(m, site->wait)->fd = r.fd;
	model_wait(m, site->wait)->completion = true;
	describe(c, site, f, &r);
	lock_add_terms(c, site, &r, object);
	return true;
}

const struct wait_kind wait_record = { .name = "record", .syscalls = numbers, .decode = decode };
