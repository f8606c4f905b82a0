/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.c - a thread that sleeps for a lock inside the kernel: a mutex, a semaphore, an rwsem.
 *
 * The kernel notes the lock (task->blocker, CONFIG_DETECT_HUNG_TASK_BLOCKER, 6.16) and the lock its
 * owner. Of a semaphore and of an rwsem that is held for reading that is only who came last
 * (kernel/locking/rwsem.c), so there others may have to go as well, and it may be gone already.
 */
#include "waits/wait.h"

#include <string.h>

enum lock_kind { KERNEL_MUTEX = 1, KERNEL_SEMAPHORE, KERNEL_RWSEM_READ, KERNEL_RWSEM_WRITE };

static const char *const words[] = {
	[0] = "lock",
	[KERNEL_MUTEX] = "mutex",
	[KERNEL_SEMAPHORE] = "semaphore",
	[KERNEL_RWSEM_READ] = "read-write semaphore (for reading)",
	[KERNEL_RWSEM_WRITE] = "read-write semaphore (for writing)",
};

/* Functions that sleep for such a lock, where the kernel does not tell which. */
static bool sleeps_for_lock(const char *wchan)
{
	static const char *const prefixes[] = { "__mutex_lock", "mutex_lock", "rwsem_down_",
						"__down",	"down_read",  "down_write" };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(wchan, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static bool claims(struct wait_ctx *c, const struct snap_task *t)
{
	if (t->lock_owner || t->lock_kind)
		return true;
	return t->state == 'D' && sleeps_for_lock(snapshot_str(wait_snapshot(c), t->wchan));
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	uint8_t kind = t->lock_kind <= KERNEL_RWSEM_WRITE ? t->lock_kind : 0;
	const char *op = model_str(wait_model(c), model_wait(wait_model(c), site->wait)->op);

	model_wait(wait_model(c), site->wait)->completion = true;
	if (t->lock_owner) {
		wait_describe(c, site->wait, WAIT_KERNEL_LOCK,
			      "waiting in %s for a kernel %s that thread %d holds", op, words[kind],
			      t->lock_owner);
		wait_term_tid(c, site->wait, t->lock_owner, AS_OWNER);
		if (kind != KERNEL_MUTEX)
			wait_unknown(c, site->wait,
				     "readers of the lock besides thread %d are not noted",
				     t->lock_owner);
		return true;
	}
	wait_describe(c, site->wait, WAIT_KERNEL_LOCK, "waiting in %s for a kernel %s", op,
		      words[kind]);
	wait_unknown(c, site->wait,
		     wait_snapshot(c)->has_kernel_locks ?
			     "the kernel does not say who holds the lock" :
			     "who holds the lock needs root, BPF and "
			     "CONFIG_DETECT_HUNG_TASK_BLOCKER (Linux 6.16)");
	return true;
}

const struct wait_kind wait_kernel_lock = {
	.name = "kernel_lock",
	.claims = claims,
	.decode = decode,
};
