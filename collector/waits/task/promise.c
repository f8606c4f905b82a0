/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * promise.c - who has promised to end the wait of a task, as its runtime tells.
 *
 * The answer to a call comes from the task that serves it, at the other end of the connection: both
 * ends tell the number of the call, and who holds the other end of a descriptor is known. Where the
 * other end does not say which task it is, whoever holds it can answer, as with any connection.
 */
#include "waits/task/task.h"

#include "model/tasks.h"
#include "read/net/socks.h"
#include "waits/find.h"
#include "waits/wait_ctx.h"

#include <inttypes.h>

static const char *who(const struct promised *p)
{
	return model_str(p->c->model, p->a->promise.who);
}

static const char *label(const struct promised *p)
{
	return p->a->label ? model_str(p->c->model, p->a->label) : "without a name";
}

/* Who answers a call is its other end; any other promise is to set something. */
static void add_task(const struct promised *p, uint32_t task)
{
	struct term term = { .kind = TERM_TASK, .as = AS_SETTER, .id = task };

	if (p->a->promise.kind == PROMISE_ANSWER)
		term.as = AS_PEER;
	wait_term(p->c, p->wait, term, NULL);
}

/* ---- a task ---------------------------------------------------------------------------------- */

/* A task is listed until it has ended, and its number is not used again. */
static bool by_task(const struct promised *p)
{
	struct model *m = p->c->model;
	const struct actor *a = model_actor(m, model_wait(m, p->wait)->actor);

	wait_describe(p->c, p->wait, WAIT_TASK_EVENT,
		      "waiting for event \"%s\", which task \"%s\" is to set", label(p), who(p));
	for (uint32_t i = 0; i < a->task_count; i++) {
		const struct task *t = model_task(m, a->first_task + i);

		if (t->number != p->a->promise.task || t->state == TASK_DONE)
			continue;
		add_task(p, a->first_task + i);
		return true;
	}
	wait_never(p->c, p->wait, "task \"%s\", which was to set it, has ended", who(p));
	return true;
}

/* ---- the other end of a call ----------------------------------------------------------------- */

/* Is this the task at the other end of the call, which comes out at `fd` there? */
static bool is_other_end(const struct promised *p, uint32_t task, int32_t fd)
{
	const struct model *m = p->c->model;
	const struct task *t = model_task(m, task);
	uint32_t at = p->await_of[task];

	if (t->hint || t->state == TASK_DONE)
		return false;
	if (p->a->promise.kind == PROMISE_ANSWER)
		return t->serves_fd == fd && t->serves_call == p->a->promise.call;
	/* who has called and waits for the answer; one who has something else to do is not known */
	return at && m->awaits.at[at - 1].promise.kind == PROMISE_ANSWER &&
	       m->awaits.at[at - 1].promise.fd == fd &&
	       m->awaits.at[at - 1].promise.call == p->a->promise.call;
}

/*
 * The end of an actor's main task ends its connections. One that only waits to be cancelled does
 * not come to it by itself.
 */
static void add_main(const struct promised *p, uint32_t served)
{
	const struct model *m = p->c->model;
	const struct task *of = model_task(m, served);
	const struct actor *a = model_actor(m, of->actor);

	for (uint32_t i = 0; of->thread && i < a->task_count; i++) {
		uint32_t id = a->first_task + i, at = p->await_of[id];
		const struct task *t = model_task(m, id);
		const struct await *await = at ? &m->awaits.at[at - 1] : NULL;

		if (!t->main || t->thread != of->thread || id == served || id == p->a->task)
			continue;
		if (!await || await->kind != AWAIT_FOREVER || await->deadline_ms >= 0)
			add_task(p, id);
	}
}

/*
 * The tasks at the other end in one process that has it at `fd`. A loop without a thread is gone
 * where it was; in another process it may as well be the copy that a fork has made.
 */
static uint32_t add_served(const struct promised *p, uint32_t actor, int32_t fd, uint32_t *found)
{
	const struct model *m = p->c->model;
	const struct actor *a = model_actor(m, actor);
	uint32_t count = 0;

	for (uint32_t i = 0; i < a->task_count; i++) {
		uint32_t id = a->first_task + i;

		if (!is_other_end(p, id, fd) ||
		    (model_task(m, id)->gone_tid && actor != model_wait(m, p->wait)->actor))
			continue;
		*found = id;
		count++;
	}
	return count;
}

/* The one task at the other end, 0: none, or several. */
static uint32_t find_other_end(const struct promised *p, const struct snap_file *file)
{
	const struct snap_sock *sock = file ? wait_sock(p->c, file) : NULL;
	const struct snap_sock *peer = sock ? socks_peer(p->c->snap, sock) : NULL;
	const struct snap_file *f = NULL;
	struct find_target target;
	uint32_t found = 0, count = 0;

	if (!peer || !peer->ino)
		return 0;
	target = find_of_sock(peer->ino);
	while ((f = find_next(p->c, &target, f))) {
		uint32_t actor = wait_actor(p->c, f->tgid);

		count += actor ? add_served(p, actor, f->fd, &found) : 0;
	}
	return count == 1 ? found : 0;
}

static void forget_terms(const struct promised *p)
{
	struct wait *w = model_wait(p->c->model, p->wait);

	p->c->model->terms.count -= w->term_count;
	w->term_count = 0;
}

static bool by_call(const struct promised *p)
{
	const struct promise *by = &p->a->promise;
	struct wait_fd f = {
		.task = p->task,
		.process = p->process,
		.file = wait_file(p->c, p->process->tgid, by->fd),
		.fd = by->fd,
		.mode = MODE_READ,
		.in_set = true,
		.wait = p->wait,
	};
	uint32_t task = find_other_end(p, f.file);

	wait_decode_file(p->c, &f);
	model_wait(p->c->model, p->wait)->input = false;
	if (by->kind == PROMISE_ANSWER)
		wait_describe(p->c, p->wait, WAIT_TASK_EVENT,
			      "waiting for the answer of %s to call \"%s\" (fd %d)", who(p),
			      label(p), by->fd);
	else
		wait_describe(p->c, p->wait, WAIT_TASK_EVENT,
			      "waiting for event \"%s\", which its caller %s is to bring (fd %d)",
			      label(p), who(p), by->fd);
	if (!task)
		return true;
	forget_terms(p);
	add_task(p, task);
	add_main(p, task);
	return true;
}

/* ---- a process, a thread --------------------------------------------------------------------- */

static bool by_process(const struct promised *p)
{
	const struct snap_process *of = find_process(p->c, p->process, p->a->promise.pid);
	uint32_t actor = of ? wait_actor(p->c, of->tgid) : 0;

	wait_describe(p->c, p->wait, WAIT_TASK_EVENT,
		      "waiting for event \"%s\", which process %d (%s) is to bring", label(p),
		      p->a->promise.pid, who(p));
	if (actor && of->exited)
		wait_never(p->c, p->wait, "process %d (%s), which was to bring it, has exited",
			   p->a->promise.pid, who(p));
	else if (!actor)
		wait_never(p->c, p->wait, "process %d (%s), which was to bring it, is gone",
			   p->a->promise.pid, who(p));
	else
		wait_term(p->c, p->wait,
			  (struct term){ .kind = TERM_ACTOR, .as = AS_SETTER, .id = actor }, NULL);
	return true;
}

static bool by_thread(const struct promised *p)
{
	wait_describe(p->c, p->wait, WAIT_TASK_EVENT,
		      "waiting for event \"%s\", which thread %d (%s) is to bring", label(p),
		      p->a->promise.tid, who(p));
	wait_term_tid(p->c, p->wait, p->a->promise.tid, AS_SETTER);
	return true;
}

bool waits_decode_promise(const struct promised *p)
{
	bool known = false;

	switch ((enum promise_kind)p->a->promise.kind) {
	case PROMISE_TASK:
		known = by_task(p);
		break;
	case PROMISE_ANSWER:
	case PROMISE_CALLER:
		known = by_call(p);
		break;
	case PROMISE_PROCESS:
		known = by_process(p);
		break;
	case PROMISE_THREAD:
		known = by_thread(p);
		break;
	default:
		break;
	}
	if (known)
		model_wait(p->c->model, p->wait)->completion = true;
	return known;
}
