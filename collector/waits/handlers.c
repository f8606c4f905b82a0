/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handlers.c - waits that the handler of a signal may end.
 *
 * Programs rest until they are told to stop, and what tells them is a handler that posts a
 * semaphore or writes to a pipe of the process's own: sem_post(3) and write(2) are among the few
 * calls that signal-safety(7) allows there. Nobody lets go of a lock so, nor reads another's pipe.
 * What a handler does is in no table, so a semaphore may be meant for it or not. An event loop has
 * a pair for this purpose, the far end of which does not block: no handler may.
 */
#include "waits/handlers.h"

#include "waits/find.h"
#include "waits/wait_ctx.h"

#include <sys/socket.h>

/* A thread in turn with the handlers that its process has. */
struct handling {
	struct wait_ctx *c;
	struct map parked;  /* thread: its interpreter has told what its wait is */
	struct map handled; /* (actor, thread): 1 + model.handled */
	const struct snap_process *process;
	uint64_t all; /* see snapshot_handled() */
	uint64_t set; /* those of them that are the program's own */
	uint32_t thread;
};

/* ---- the far end ----------------------------------------------------------------------------- */

/* Where the process itself has the end that would end its wait. */
struct far_end {
	bool own, nonblock, others;
};

static struct far_end look_for(struct wait_ctx *c, int32_t tgid, const struct find_target *t,
			       uint8_t mode)
{
	struct far_end end = { .own = false };
	const struct snap_file *f = NULL;

	while ((f = find_next(c, t, f))) {
		if ((f->mode & mode) != mode)
			continue;
		end.others |= f->tgid != tgid;
		if (f->tgid != tgid)
			continue;
		end.own = true;
		f = wait_file(c, tgid, f->fd);
		end.nonblock |= f->nonblock;
	}
	return end;
}

static struct far_end far_end_of(struct wait_ctx *c, int32_t tgid, const struct snap_file *f)
{
	const struct snap_sock *k = f->kind == FILE_SOCKET ? wait_sock(c, f) : NULL;
	struct find_target t = find_of_file(f);

	if (k && k->family == AF_UNIX && k->peer_ino) {
		t = find_of_peer(k);
		return look_for(c, tgid, &t, 0);
	}
	/* nothing but a wakeup is an eventfd for, and its holders can all write to it */
	if (f->kind == FILE_EVENTFD)
		return (struct far_end){ .own = true, .nonblock = true };
	return f->kind == FILE_PIPE ? look_for(c, tgid, &t, MODE_WRITE) : (struct far_end){ 0 };
}

/* ---- one wait -------------------------------------------------------------------------------- */

static void append(struct wait_ctx *c, uint32_t wait, bool known, uint64_t set)
{
	const struct wait *w = model_wait(c->model, wait);
	_cleanup_strbuf_ struct strbuf names = STRBUF_INIT;

	if (set == UINT64_MAX)
		strbuf_adds(&names, "some signal");
	else
		wait_signal_names(&names, set);
	wait_move_terms(c->model, wait);
	if (known)
		wait_new(c, wait, "a signal that it handles (%s)", strbuf_str(&names));
	else
		wait_unknown(c, wait, "whether a handler of %s[%d] ends it (%s)",
			     model_str(c->model, model_actor(c->model, w->actor)->name),
			     model_actor(c->model, w->actor)->pid, strbuf_str(&names));
}

/* What its runtime says of it; `thread` 0: of all programs. */
static uint64_t handled_by(const struct handling *h, uint32_t thread)
{
	uint32_t actor = model_thread(h->c->model, h->thread)->actor;
	uint32_t i = map_get(&h->handled, map_pair(actor, thread), 0);

	return i ? h->c->model->handled.at[i - 1].signals : 0;
}

/* True: its terms have moved. */
static bool decode_read(const struct handling *h, uint32_t wait)
{
	const struct wait *w = model_wait(h->c->model, wait);
	uint64_t set = h->set | (h->all & handled_by(h, h->thread));
	int32_t tgid = h->process->tgid;
	const struct snap_file *f;
	struct far_end end;

	if (!set || !w->input || w->fd < 0)
		return false;
	f = wait_file(h->c, tgid, w->fd);
	if (!f || wait_file_object(h->c, f) != w->object)
		return false;
	end = far_end_of(h->c, tgid, f);
	/* one that blocks and that others have too is there for what they write: make's tokens */
	if (!end.own || (!end.nonblock && (end.others || map_find(&h->parked, h->thread, NULL))))
		return false;
	append(h->c, wait, end.nonblock, set);
	return true;
}

static bool decode_wait(const struct handling *h, uint32_t wait)
{
	const struct wait *w = model_wait(h->c->model, wait);

	switch (w->kind) {
	case WAIT_SEMAPHORE:
	case WAIT_FUTEX:
		if (h->set)
			append(h->c, wait, false, h->set);
		return h->set;
	case WAIT_PIPE_READ:
	case WAIT_UNIX_RECV:
	case WAIT_EVENTFD:
		return decode_read(h, wait);
	default:
		return false;
	}
}

/* ---- all of them ----------------------------------------------------------------------------- */

/* False: its process is not there any more. */
static bool turn_to(struct handling *h, uint32_t thread)
{
	const struct snapshot *s = h->c->snap;
	const struct snap_task *t;
	const struct snap_process *p;

	if (thread == h->thread)
		return h->process;
	h->thread = thread;
	t = snapshot_task(s, model_thread(h->c->model, thread)->tid);
	p = t ? &s->processes.at[t->process] : NULL;
	if (p && p != h->process) {
		h->all = h->set = snapshot_handled(s, p);
		if (h->all != UINT64_MAX)
			h->set &= ~handled_by(h, 0);
	}
	h->process = p;
	return p;
}

static void index_words(struct handling *h)
{
	const struct model *m = h->c->model;

	for (uint32_t i = 0; i < m->parks.count; i++)
		map_put(&h->parked, m->parks.at[i].thread, 1);
	for (uint32_t i = 0; i < m->handled.count; i++)
		map_put(&h->handled, map_pair(m->handled.at[i].actor, m->handled.at[i].thread),
			i + 1);
}

void waits_decode_handlers(struct wait_ctx *c)
{
	struct handling h = { .c = c, .parked = MAP_INIT, .handled = MAP_INIT };
	bool moved = false;

	index_words(&h);
	for (uint32_t id = 1; id <= c->model->waits.count; id++) {
		const struct wait *w = model_wait(c->model, id);
		bool told = !w->parent && map_find(&h.parked, w->thread, NULL);

		if (w->thread && !w->task && !told && turn_to(&h, w->thread))
			moved |= decode_wait(&h, id);
	}
	if (moved)
		wait_drop_terms(c->model);
	map_release(&h.parked);
	map_release(&h.handled);
}
