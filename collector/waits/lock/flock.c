/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flock.c - flock(2): a lock on an open file description.
 */
#include "waits/lock/held.h"

#include <sys/file.h>
#include <sys/syscall.h>

static const int16_t numbers[] = { SYS_flock, -1 };

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	const struct snap_file *f = wait_file(c, t->tgid, (int32_t)t->args[0]);
	struct model *m = wait_model(c);
	struct lock_request r = {
		.type = LOCK_FLOCK,
		.write = t->args[1] & LOCK_EX,
		.tgid = t->tgid,
		.fd = (int32_t)t->args[0],
		.end = UINT64_MAX,
	};
	uint32_t object;

	if (!f) {
		wait_describe(c, site->wait, WAIT_FLOCK, "locking fd %d", r.fd);
		wait_unknown(c, site->wait, "descriptor %d of process %d could not be read", r.fd,
			     t->tgid);
		return true;
	}
	r.dev = f->dev;
	r.ino = f->ino;
	if (wait_locks(c))
		lock_own_line(wait_locks(c), &r);
	object = lock_object(c, &r, "flock");
	model_wait(m, site->wait)->object = object;
	model_wait(m, site->wait)->fd = r.fd;
	model_wait(m, site->wait)->completion = true;
	wait_describe(c, site->wait, WAIT_FLOCK, "locking %s (fd %d, flock %s)",
		      snapshot_str(wait_snapshot(c), f->path), r.fd,
		      r.write ? "exclusive" : "shared");
	lock_add_terms(c, site, &r, object);
	return true;
}

const struct wait_kind wait_flock = { .name = "flock", .syscalls = numbers, .decode = decode };
