/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sem.c - System V semaphores: semop(2) and semtimedop(2).
 *
 * All operations of a call happen at once, so each semaphore that stands in the way must change.
 * Whoever took one with SEM_UNDO owes it back (the kernel would give it back at his exit): only BPF
 * sees those.
 */
#include "waits/ipc/space.h"

#include <stdio.h>
#include <string.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>

static const int16_t numbers[] = { SYS_semop, SYS_semtimedop, -1 };

/* SEMOPM is 500 by default. */
enum { MAX_OPS = 512 };

struct call {
	int32_t id;
	uint32_t count;
	bool ours; /* values can be asked for */
	struct sembuf ops[MAX_OPS];
};

/* Does that operation stand in the way? Without the values every one that can wait may. */
static bool in_the_way(const struct call *call, const struct sembuf *op)
{
	int value = call->ours ? semctl(call->id, op->sem_num, GETVAL) : -1;

	if (op->sem_op > 0)
		return false;
	if (value < 0)
		return true;
	return op->sem_op ? value + op->sem_op < 0 : value > 0;
}

/* Processes that took the semaphore with SEM_UNDO and have not given it back, but for the waiter.
 */
static uint32_t add_owners(struct wait_ctx *c, const struct wait_site *site, uint32_t object,
			   const struct call *call, const struct sembuf *op)
{
	const struct snapshot *s = wait_snapshot(c);
	struct model *m = wait_model(c);
	uint32_t count = 0;

	for (uint32_t i = 0; i < s->undo.count; i++) {
		const struct snap_sem_undo *u = &s->undo.at[i];
		uint32_t actor;

		/* To wait for zero is to wait for those who added, whose undo would take it away.
		 */
		if (u->semid != call->id || u->sem_num != op->sem_num ||
		    u->tgid == site->process->tgid ||
		    (op->sem_op ? u->adjust <= 0 : u->adjust >= 0))
			continue;
		actor = wait_actor(c, u->tgid);
		if (!actor)
			continue;
		model_add_holder(m, object, actor, -1, MODE_READ | MODE_WRITE);
		count++;
	}
	return count;
}

static uint32_t semaphore(struct wait_ctx *c, const struct call *call, const struct sembuf *op)
{
	struct model *m = wait_model(c);
	char key[64];
	uint32_t object;

	snprintf(key, sizeof(key), "sysv-sem:[%d.%u]", call->id, op->sem_num);
	object = model_add_object(m, "sysv-sem", key);
	model_object(m, object)->relevant = true;
	model_object(m, object)->holders_seen = HOLDERS_VISIBLE;
	return object;
}

/*
 * One semaphore: its owners, when this is used as a lock (both sides with SEM_UNDO), or else every
 * process of the tree that could change it; and new users, always. `item` is a wait of its own.
 */
static void add_semaphore(struct wait_ctx *c, const struct wait_site *item, const struct call *call,
			  const struct sembuf *op)
{
	struct model *m = wait_model(c);
	uint32_t object = semaphore(c, call, op);
	uint32_t owners = add_owners(c, item, object, call, op);
	int32_t last = call->ours ? semctl(call->id, op->sem_num, GETPID) : 0;
	bool lock = owners && op->sem_flg & SEM_UNDO;

	model_wait(m, item->wait)->object = object;
	model_wait(m, item->wait)->completion = lock;
	wait_describe(c, item->wait, WAIT_SYSV_SEM, "waiting for System V semaphore %d.%u to %s%s",
		      call->id, op->sem_num, op->sem_op ? "be raised" : "become zero",
		      ipc_last_user(c, last).text);
	if (owners)
		wait_term_holders(c, item->wait, object, 0, AS_OWNER);
	if (!lock)
		wait_term_holders(c, item->wait,
				  ipc_object(c, item->process->tgid, "sysv-semset", call->id), 0,
				  AS_SETTER);
	wait_new(c, item->wait, "anyone with access to System V semaphore set %d", call->id);
}

static int read_call(struct wait_ctx *c, const struct wait_site *site, struct call *call)
{
	const struct snap_task *t = site->task;

	call->id = (int32_t)t->args[0];
	call->count = t->args[2] <= MAX_OPS ? (uint32_t)t->args[2] : MAX_OPS;
	call->ours = ipc_is_ours(t->tgid);
	return wait_mem(c, t->tgid, t->args[1], call->ops, call->count * sizeof(*call->ops));
}

/* All semaphores in the way, as items of one wait that needs every one of them. */
static void add_all(struct wait_ctx *c, const struct wait_site *site, const struct call *call)
{
	struct model *m = wait_model(c);
	struct wait *w;

	for (uint32_t i = 0; i < call->count; i++) {
		struct wait_site item = *site;

		if (!in_the_way(call, &call->ops[i]))
			continue;
		item.wait = model_add_wait(m, site->thread, site->wait);
		model_wait(m, item.wait)->op = model_wait(m, site->wait)->op;
		model_wait(m, item.wait)->since_ms = model_wait(m, site->wait)->since_ms;
		add_semaphore(c, &item, call, &call->ops[i]);
	}
	wait_items_done(c, site->wait);
	w = model_wait(m, site->wait);
	w->need = w->term_count ? w->term_count : 1;
	/* Values that cannot be read: each may be the one, so any of them is all that is known. */
	if (!call->ours)
		w->need = 1;
	w->completion = true;
	for (uint32_t i = 0; i < w->term_count; i++)
		w->completion &= model_wait(m, m->terms.at[w->first_term + i].id)->completion;
}

static bool decode(struct wait_ctx *c, const struct wait_site *site)
{
	const struct snap_task *t = site->task;
	struct model *m = wait_model(c);
	struct wait_site all = *site;
	struct call call = { .id = -1 };
	int rc = read_call(c, site, &call);
	const struct sembuf *first = NULL;
	uint32_t blocking = 0;

	wait_describe(c, site->wait, WAIT_SYSV_SEM, "operating on System V semaphore set %d",
		      call.id);
	if (rc < 0) {
		wait_unknown(c, site->wait, "the semaphore operations could not be read: %s",
			     strerror(-rc));
		return true;
	}
	for (uint32_t i = 0; i < call.count; i++)
		if (in_the_way(&call, &call.ops[i])) {
			first = first ? first : &call.ops[i];
			blocking++;
		}
	if (!blocking) {
		wait_unknown(c, site->wait, "none of its semaphores stands in the way any more");
		return true;
	}
	if (blocking == 1) {
		add_semaphore(c, site, &call, first);
	} else if (t->nr == SYS_semop || !t->args[3]) {
		add_all(c, site, &call);
	} else {
		/* "All of them, or the time-out": one more step in between. */
		all.wait = model_add_wait(m, site->thread, site->wait);
		model_wait(m, all.wait)->op = model_wait(m, site->wait)->op;
		wait_describe(c, all.wait, WAIT_SYSV_SEM, "all semaphores of set %d at once",
			      call.id);
		add_all(c, &all, &call);
		wait_items_done(c, site->wait);
	}
	if (t->nr == SYS_semtimedop)
		wait_timeout_at(c, site, t->args[3], false, CLOCK_MONOTONIC);
	return true;
}

const struct wait_kind wait_sysv_sem = { .name = "sysv_sem",
					 .syscalls = numbers,
					 .decode = decode };
