/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lease.c - open(2) or truncate(2) of a file on which somebody has a lease, F_SETLEASE of fcntl(2).
 *
 * The kernel tells the holder to give it up and waits in __break_lease() (fs/locks.c) until that is
 * done, or lease-break-time is over.
 */
#include "read/proc/procfs.h"
#include "waits/lock/held.h"
#include "waits/stop/wchan.h"

#include <inttypes.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { DEFAULT_BREAK_S = 45, MS_PER_S = 1000 };

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	return stop_sleeps_in(c, t, "__break_lease");
}

static int64_t break_time_ms(void)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	if (procfs_read(&b, "/proc/sys/fs/lease-break-time", NULL) < 0)
		return (int64_t)DEFAULT_BREAK_S * MS_PER_S;
	return strtoll(strbuf_str(&b), NULL, 10) * MS_PER_S;
}

static void add_owner(struct wait_ctx *c, const struct wait_site *site, const struct file_lock *l)
{
	struct lock_request r = { .type = LOCK_LEASE, .fd = -1, .dev = l->dev, .ino = l->ino };
	struct model *m = wait_model(c);
	uint32_t object = lock_object(c, &r, "lease"), actor = wait_actor(c, l->pid);

	model_wait(m, site->wait)->object = object;
	if (!actor) {
		wait_unknown(c, site->wait, "process %d, which has the lease, is not known",
			     l->pid);
		return;
	}
	model_add_holder(m, object, actor, -1, MODE_READ | MODE_WRITE);
	model_object(m, object)->holders_seen = HOLDERS_COMPLETE;
	wait_term(c, site->wait, (struct term){ .kind = TERM_ACTOR, .as = AS_OWNER, .id = actor },
		  NULL);
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct file_locks *locks = wait_locks(c);

	wait_describe(c, site->wait, WAIT_LEASE, "opening a file on which somebody has a lease");
	model_wait(wait_model(c), site->wait)->completion = true;
	/* Which of them it is only the path would tell; there is hardly ever more than one. */
	for (uint32_t i = 0; locks && i < locks->count; i++)
		if (locks->at[i].type == LOCK_LEASE && locks->at[i].breaking)
			add_owner(c, site, &locks->at[i]);
	if (break_time_ms() > 0)
		wait_timeout(c, site->task, site->wait, break_time_ms());
	if (!model_wait(wait_model(c), site->wait)->term_count)
		wait_unknown(c, site->wait, "no lease that is being broken is visible");
	return true;
}

const struct wait_kind wait_lease = { .name = "lease", .claims = claims, .decode = decode };
