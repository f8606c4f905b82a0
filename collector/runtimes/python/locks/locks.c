/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/locks/locks.h"

#include "runtimes/python/locks/kinds.h"
#include "runtimes/python/locks/parked.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

/* Build code: the table of kinds. */
#define DECLARE(name) extern const struct py_lock_kind py_lock_##name;
PY_LOCKS(DECLARE)
#define ADDRESS(name) &py_lock_##name,
static const struct py_lock_kind *const kinds[] = { PY_LOCKS(ADDRESS) };
enum { KINDS = sizeof(kinds) / sizeof(*kinds) };

#define BIT(signal) (1ull << ((signal)-1))

enum {
	KEY_BEFORE = 8, /* struct wait_entry: park_arg, addr, sema; Python/parking_lot.c */
};

static void parked_free(struct py_parked *x)
{
	vec_release(&x->others);
	vec_release(&x->workers);
	strbuf_release(&x->facts);
	free(x);
}

/* Does some kind know this function, and its objects? */
static bool find_place(struct py_parked *x, const struct py_frame *f)
{
	for (uint32_t i = 0; i < KINDS; i++) {
		const struct py_place *place = kinds[i]->places;

		for (; place && place->file; place++)
			if (py_parked_is(x, f, place->file, place->function) && place->find(x, f))
				return true;
	}
	return false;
}

static void find_bare(struct py_parked *x)
{
	/* no lock of C is waited for without one */
	for (uint32_t i = 0; x->futex && i < KINDS; i++)
		if (kinds[i]->bare && kinds[i]->bare(x))
			return;
}

/* Has it given work to others, the result of which it waits for? */
static bool expects(const struct py_parked *x)
{
	for (uint32_t i = 0; i < x->m->expects.count; i++)
		if (x->m->expects.at[i].thread == x->thread)
			return true;
	return false;
}

/*
 * Programs rest until Ctrl-C in Event().wait() and its like, with a handler for SIGINT of their own
 * or KeyboardInterrupt of the one that every Python has; which one it is in no object. Started in
 * the background they ignore it and rest until they are killed. Such a wait of the main thread of
 * the first process is at rest as likely as it is lost, unless it has a job to do.
 */
static bool is_until_interrupted(const struct py_parked *x)
{
	return x->park.signals && !x->park.completion && x->site->actor == x->m->root &&
	       x->task->tid == x->site->process->tgid &&
	       !model_thread(x->m, x->thread)->script.work && !expects(x);
}

/* The wait is known: into the model. */
static void give(struct py_parked *x)
{
	/* but for the one that every Python has, see is_until_interrupted() */
	if (!(snapshot_handled(x->site->snap, x->site->process) & ~BIT(SIGINT))) {
		x->park.signals = is_until_interrupted(x);
		/* owed or not: nobody knows */
		x->park.completion |= x->park.signals;
	}
	if (x->facts.len) {
		_cleanup_strbuf_ struct strbuf all = STRBUF_INIT;

		strbuf_addf(&all, "{%s}", strbuf_str(&x->facts));
		x->park.detail = strtab_add(x->m->strings, strbuf_str(&all));
	}
	model_add_park(x->m, x->park, x->others.at, x->others.count);
}

/* The futex of its system call; one that goes on after a stop has the registers of the first. */
static void find_futex(struct py_parked *x)
{
	const struct snap_task *t = x->task;

	x->futex = x->key = 0;
	if (!t->has_syscall || t->in_fault || (t->nr != SYS_futex && t->nr != SYS_restart_syscall))
		return;
	x->futex = t->args[0];
	if (x->futex > KEY_BEFORE)
		x->key = py_mem_u64(x->py->mem, x->futex - KEY_BEFORE);
}

static void look_at(struct py_parked *x)
{
	const char *cut;

	x->what = NULL;
	x->park = (struct park){ .thread = 0 };
	find_futex(x);
	x->frame_count = py_frames(x->py, x->state->frame, x->frames, PY_PARKED_FRAMES, &cut);
	if (!x->frame_count)
		return;
	x->depth = 0;
	find_bare(x);
	while (x->depth < x->frame_count && find_place(x, &x->frames[x->depth]))
		x->depth++;
	if (x->what)
		give(x);
}

/* Is that thread blocked, in a call that is not for the interpreter itself? */
static bool is_blocked(const struct py_parked *x)
{
	const struct thread *t = model_thread(x->m, x->thread);

	return t->wait && model_wait(x->m, t->wait)->kind != WAIT_GIL;
}

static void index_threads(struct runtime_site *site, struct map *tids)
{
	for (uint32_t i = 0; i < site->process->task_count; i++) {
		const struct snap_task *t = &site->snap->tasks.at[site->process->first_task + i];
		uint32_t id = model_find_tid(site->model, t->tid);

		if (id)
			map_put(tids, (uint32_t)(t->ns_tid ? t->ns_tid : t->tid), id);
	}
}

void py_locks_read(struct runtime_site *site, struct py *py)
{
	struct py_parked *x = xcalloc(1, sizeof(*x));
	_cleanup_map_ struct map tids = MAP_INIT, done = MAP_INIT;

	index_threads(site, &tids);
	x->site = site;
	x->py = py;
	x->m = site->model;
	x->tids = &tids;
	/* of a thread in several interpreters, the one that it has entered last */
	for (uint32_t i = py->thread_count; i-- > 0;) {
		const struct py_thread *t = &py->threads[i];

		x->thread = t->ns_tid && t->frame ? map_get(&tids, (uint32_t)t->ns_tid, 0) : 0;
		if (!x->thread || map_find(&done, x->thread, NULL))
			continue;
		map_put(&done, x->thread, 1);
		x->state = t;
		x->task = snapshot_task(site->snap, model_thread(x->m, x->thread)->tid);
		x->wait = model_thread(x->m, x->thread)->wait;
		if (x->task && is_blocked(x))
			look_at(x);
	}
	parked_free(x);
}
