/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_scene.h"

#include "model/from_read.h"
#include "read/net/socks.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>

/* ---- build ---------------------------------------------------------------------------------- */

struct scene *scene_new(void)
{
	struct scene *x = xcalloc(1, sizeof(*x));

	x->snap = snapshot_new();
	x->snap->taken_boottime_ns = 100000000000;
	x->snap->all_holders = true;
	x->snap->socks_loaded = true;
	x->snap->has_inflight = true;
	x->snap->has_descriptions = true;
	return x;
}

void scene_free(struct scene *x)
{
	wait_ctx_free(x->ctx);
	model_free(x->model);
	snapshot_free(x->snap);
	free(x);
}

struct snap_task *scene_thread(struct scene *x, int32_t tgid, int32_t tid)
{
	struct snap_task *t = vec_push(&x->snap->tasks);

	t->tgid = t->ns_tgid = tgid;
	t->tid = t->ns_tid = tid;
	t->state = 'S';
	return t;
}

static struct snap_process *add_process(struct scene *x, int32_t tgid, const char *comm)
{
	struct snap_process *p = vec_push(&x->snap->processes);

	p->tgid = p->ns_tgid = tgid;
	p->pgrp = p->session = tgid;
	p->start_ticks = (uint64_t)tgid;
	p->state = 'S';
	p->exit_code = -1;
	p->io_bytes = SNAP_UNKNOWN_U64;
	p->itimer_known = true;
	strncpy(p->comm, comm, sizeof(p->comm) - 1);
	return p;
}

struct snap_process *scene_outsider(struct scene *x, int32_t tgid, const char *comm)
{
	return add_process(x, tgid, comm);
}

struct snap_process *scene_process(struct scene *x, int32_t tgid, int32_t ppid, const char *comm)
{
	struct snap_process *p = add_process(x, tgid, comm);

	p->ppid = ppid;
	p->in_tree = true;
	scene_thread(x, tgid, tgid);
	if (!x->snap->root_tgid) {
		x->snap->root_tgid = tgid;
		x->snap->root_start = p->start_ticks;
	}
	return p;
}

struct snap_process *scene_forked(struct scene *x, int n, int parent, bool bare)
{
	struct snap_process *p = scene_process(x, PID(n), parent ? PID(parent) : 0, "x");

	p->fork_no_exec_known = true;
	p->fork_no_exec = bare;
	return p;
}

struct snap_task *scene_task(struct scene *x, int32_t tid)
{
	for (uint32_t i = 0; i < x->snap->tasks.count; i++)
		if (x->snap->tasks.at[i].tid == tid)
			return &x->snap->tasks.at[i];
	cr_assert(false, "no thread %d in the scene", tid);
	abort();
}

struct snap_task *scene_call(struct scene *x, int32_t tid, int nr, uint64_t arg)
{
	struct snap_task *t = scene_task(x, tid);

	t->has_syscall = true;
	t->nr = nr;
	t->args[0] = arg;
	return t;
}

struct snap_file *scene_file(struct scene *x, int32_t tgid, int32_t fd, enum file_kind kind,
			     uint8_t mode)
{
	struct snap_file *f = vec_push(&x->snap->files);

	f->tgid = tgid;
	f->fd = fd;
	f->kind = (uint8_t)kind;
	f->mode = mode;
	f->details = true;
	f->mnt_id = -1;
	f->pipe_readers = f->pipe_writers = f->pipe_used = f->pipe_slots = UINT32_MAX;
	return f;
}

struct snap_sock *scene_socket(struct scene *x, int32_t tgid, int32_t fd, uint64_t ino)
{
	struct snap_sock *k = vec_push(&x->snap->socks);

	k->timeouts_known = true;
	if (tgid)
		scene_file(x, tgid, fd, FILE_SOCKET, MODE_READ | MODE_WRITE)->ino = ino;
	k->ino = ino;
	k->in_flight_fds = 0;
	return k;
}

void scene_connect(struct scene *x, int32_t tgid, int32_t fd, int32_t to_tgid, int32_t to_fd)
{
	const uint64_t ino = 60000 + 2 * (uint64_t)x->snap->socks.count;

	for (int end = 0; end < 2; end++) {
		struct snap_sock *k = scene_socket(x, end ? to_tgid : tgid, end ? to_fd : fd,
						   ino + (uint64_t)end);

		k->family = AF_UNIX;
		k->type = SOCK_STREAM;
		k->state = 1; /* TCP_ESTABLISHED */
		k->peer_ino = ino + !end;
	}
}

struct snap_epitem *scene_item(struct scene *x, int32_t fd, uint32_t events,
			       const struct snap_file *target)
{
	struct snap_file *set = &x->snap->files.at[x->snap->files.count - 1];
	struct snap_epitem *e = vec_push(&x->snap->epitems);

	if (!set->item_count++)
		set->first_item = x->snap->epitems.count - 1;
	e->fd = fd;
	e->events = events;
	if (!target)
		return e;
	e->kind = target->kind;
	e->dev = target->dev;
	e->ino = target->ino;
	e->id = target->id;
	e->description = target->description;
	return e;
}

void scene_model(struct scene *x)
{
	snapshot_index(x->snap);
	socks_index(x->snap);
	x->model = model_new();
	model_from_read(x->model, x->snap);
}

void scene_decode(struct scene *x)
{
	scene_model(x);
	x->ctx = wait_ctx_new(x->snap, x->model);
	waits_decode(x->ctx);
	model_index(x->model);
}

/* ---- look ----------------------------------------------------------------------------------- */

const struct wait *scene_wait(const struct scene *x, int32_t tid)
{
	uint32_t thread = model_find_tid(x->model, tid);

	cr_assert(thread, "no thread %d in the model", tid);
	cr_assert(model_thread(x->model, thread)->wait, "thread %d does not wait", tid);
	return model_wait(x->model, model_thread(x->model, thread)->wait);
}

const struct wait *scene_item_of(const struct scene *x, const struct wait *w, uint32_t n)
{
	uint32_t parent = (uint32_t)(w - x->model->waits.at) + 1;

	for (uint32_t i = 0; i < x->model->waits.count; i++)
		if (x->model->waits.at[i].parent == parent && !n--)
			return &x->model->waits.at[i];
	cr_assert(false, "too few items");
	abort();
}

uint32_t scene_terms(const struct scene *x, const struct wait *w, enum term_kind kind)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < w->term_count; i++)
		count += x->model->terms.at[w->first_term + i].kind == kind;
	return count;
}

const struct term *scene_term(const struct scene *x, const struct wait *w, enum term_kind kind)
{
	for (uint32_t i = 0; i < w->term_count; i++)
		if (x->model->terms.at[w->first_term + i].kind == kind)
			return &x->model->terms.at[w->first_term + i];
	cr_assert(false, "no term of kind %d in \"%s\"", kind, scene_str(x, w->text));
	abort();
}

static bool holds(const struct scene *x, const struct term *t, uint32_t actor)
{
	for (uint32_t i = 0; i < x->model->holders.count; i++) {
		const struct holder *h = &x->model->holders.at[i];

		if (h->object == t->id && h->actor == actor && (h->mode & t->mode) == t->mode)
			return true;
	}
	return false;
}

bool scene_leads_to(const struct scene *x, const struct wait *w, enum term_kind kind, int32_t tgid)
{
	uint32_t actor = model_find_pid(x->model, tgid);

	for (uint32_t i = 0; i < w->term_count; i++) {
		const struct term *t = &x->model->terms.at[w->first_term + i];

		if (t->kind != kind)
			continue;
		if (kind == TERM_OBJECT ? holds(x, t, actor) : t->id == actor)
			return true;
	}
	return false;
}

bool scene_finds(const struct scene *x, const char *kind)
{
	for (uint32_t i = 0; i < x->model->findings.count; i++)
		if (!strcmp(scene_str(x, x->model->findings.at[i].kind), kind))
			return true;
	return false;
}

const char *scene_str(const struct scene *x, uint32_t id)
{
	return model_str(x->model, id);
}
