/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.c - tasks and the one place where they wait.
 */
#include "runtime/core/task.h"

#include <errno.h>
#include <string.h>

#include "runtime/core/inside.h"
#include "runtime/core/probe.h"
#include "runtime/core/truth.h"

/* How often a task may go on without waiting before the others get their turn. */
enum { FAST_CALLS = 16 };

static atomic_uint_fast64_t last_id;

static struct grove_task *running(const char *what)
{
	struct grove_loop *loop = grove_loop_current();

	if (!loop || !loop->current)
		grove_bug("%s outside of a task", what);
	return loop->current;
}

/* ---- birth and death ---------------------------------------------------------------------------
 */

static void task_body(void *arg)
{
	struct grove_task *task = arg;

	task->rc = task->fn(task->arg, &task->err);
}

struct grove_task *grove_task_new(struct grove_loop *loop, const char *name, grove_task_fn *fn,
				  void *arg)
{
	struct grove_task *task = grove_alloc(1, sizeof(*task));

	task->loop = loop;
	task->id = atomic_fetch_add(&last_id, 1) + 1;
	task->state = SNAG_RT_STATE_NEW;
	task->fn = fn;
	task->arg = arg;
	task->serves_fd = -1;
	task->wait = grove_wait_of(SNAG_RT_WAIT_NONE, NULL, NULL);
	grove_copy_name(task->name, sizeof(task->name), name);
	grove_list_init(&task->siblings);
	grove_list_init(&task->run_link);
	grove_list_init(&task->scope_link);
	grove_list_init(&task->nurseries);
	grove_coro_init(&task->coro, loop->stacks, task_body, task);
	grove_list_add(&loop->tasks, &task->link);
	grove_list_add(&loop->runnable, &task->run_link);
	return task;
}

void grove_task_run(struct grove_task *task)
{
	struct grove_loop *loop = task->loop;

	loop->current = task;
	task->state = SNAG_RT_STATE_RUNNING;
	task->fast_calls = 0;
	grove_coro_resume(&task->coro);
	loop->current = NULL;
	if (task->coro.done)
		grove_task_end(task);
}

void grove_task_end(struct grove_task *task)
{
	struct grove_nursery *nursery = task->nursery;

	if (!grove_list_empty(&task->nurseries) || (nursery && task->scope != &nursery->scope))
		grove_bug("task '%s' returned from inside a scope or nursery", task->name);
	task->state = SNAG_RT_STATE_DONE;
	GROVE_PROBE4(task_exit, task->loop->tid, task->id, task->name, task->rc);
	if (grove_truth_is_open())
		grove_truth("task-exit", grove_fact_text("name", task->name),
			    grove_fact_int("id", (int64_t)task->id), grove_fact_int("rc", task->rc),
			    grove_fact_text("text", task->err.text));
	grove_task_enter_scope(task, NULL);
	if (nursery)
		grove_nursery_child_done(nursery, task);
	grove_list_del(&task->link);
	grove_coro_release(&task->coro);
	grove_error_clear(&task->err);
	free(task);
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

struct grove_wait grove_wait_of(uint32_t kind, const void *object, const char *label)
{
	struct grove_wait wait = {
		.kind = kind,
		.fd = -1,
		.object = object,
		.deadline_ns = GROVE_NEVER,
	};

	grove_copy_name(wait.label, sizeof(wait.label), label);
	return wait;
}

/* Leave the stack of the task; it is runnable or parked already. */
static void leave(struct grove_task *task)
{
	grove_coro_yield(&task->coro);
}

int grove_park(const struct grove_wait *wait, grove_abort_fn *abort, void *arg)
{
	struct grove_task *task = running("grove_park()");

	task->wait = *wait;
	task->wait.since_ns = grove_now_ns();
	task->abort = abort;
	task->abort_arg = arg;
	task->state = SNAG_RT_STATE_WAITING;
	grove_task_deliver(task);
	leave(task);
	return task->park_rc;
}

/* Nobody waits any more: not for the abort function, and not for a reader. */
static void stop_waiting(struct grove_task *task, int rc)
{
	task->abort = NULL;
	task->park_rc = rc;
	task->wait.kind = SNAG_RT_WAIT_NONE;
	grove_make_runnable(task);
}

void grove_unpark(struct grove_task *task, int rc)
{
	if (task->state != SNAG_RT_STATE_WAITING)
		grove_bug("task '%s' was woken twice", task->name);
	if (task->loop != grove_loop_current())
		grove_bug("task '%s' was woken by a thread that is not its loop's", task->name);
	stop_waiting(task, rc);
}

void grove_task_deliver(struct grove_task *task)
{
	grove_abort_fn *abort = task->abort;

	if (task->state != SNAG_RT_STATE_WAITING || !abort || !task->requested)
		return;
	/* Once a park, whatever it says. */
	task->abort = NULL;
	grove_task_note_cancel(task);
	if (abort(task, task->abort_arg))
		stop_waiting(task, -ECANCELED);
}

void grove_task_note_cancel(struct grove_task *task)
{
	const struct grove_scope *cause = grove_scope_cause(task->scope);

	task->delivered = true;
	task->ever_delivered = true;
	if (!cause || task->delivered_seq == cause->cancel_seq)
		return;
	task->delivered_seq = cause->cancel_seq;
	GROVE_PROBE4(cancel_deliver, task->loop->tid, task->id, task->name, cause);
	if (grove_truth_is_open())
		grove_truth("cancel-delivered", grove_fact_text("to", task->name),
			    grove_fact_int("id", (int64_t)task->id),
			    grove_fact_text("scope", cause->name),
			    grove_fact_text("by", grove_cancel_by_name(cause->reason.by)),
			    grove_fact_text("text", cause->reason.text));
}

int grove_check(void)
{
	struct grove_task *task = running("grove_check()");

	if (!task->requested)
		return 0;
	grove_task_note_cancel(task);
	return -ECANCELED;
}

void grove_yield(void)
{
	struct grove_task *task = running("grove_yield()");

	grove_make_runnable(task);
	leave(task);
}

int grove_checkpoint(void)
{
	int rc = grove_check();

	grove_yield();
	return rc < 0 ? rc : grove_check();
}

void grove_pace(void)
{
	struct grove_task *task = running("grove_pace()");

	if (++task->fast_calls >= FAST_CALLS)
		grove_yield();
}

static bool leave_queue(struct grove_task *task, void *arg)
{
	struct grove_waiter *waiter = arg;

	(void)task;
	grove_list_del(&waiter->link);
	(*waiter->count)--;
	return true;
}

int grove_wait_in(struct grove_list *queue, size_t *count, struct grove_waiter *waiter,
		  const struct grove_wait *wait)
{
	waiter->task = running("waiting");
	waiter->count = count;
	grove_list_add(queue, &waiter->link);
	(*count)++;
	return grove_park(wait, leave_queue, waiter);
}

struct grove_waiter *grove_wake_first(struct grove_list *queue, int rc)
{
	if (grove_list_empty(queue))
		return NULL;
	struct grove_waiter *waiter = grove_of(queue->next, struct grove_waiter, link);

	grove_list_del(&waiter->link);
	(*waiter->count)--;
	grove_unpark(waiter->task, rc);
	return waiter;
}

/* ---- questions ---------------------------------------------------------------------------------
 */

struct grove_task *grove_current(void)
{
	struct grove_loop *loop = grove_loop_current();

	return loop ? loop->current : NULL;
}

const char *grove_task_name(const struct grove_task *task)
{
	return task->name;
}

void grove_task_set_name(struct grove_task *task, const char *name)
{
	grove_copy_name(task->name, sizeof(task->name), name);
}

uint64_t grove_task_id(const struct grove_task *task)
{
	return task->id;
}

struct grove_nursery *grove_task_nursery(const struct grove_task *task)
{
	return task->nursery;
}

struct grove_task *grove_task_parent(const struct grove_task *task)
{
	return task->nursery ? task->nursery->parent : NULL;
}

void grove_task_serves(int fd, int64_t call)
{
	struct grove_task *task = running("grove_task_serves()");

	task->serves_fd = fd;
	task->serves_call = call;
}

void grove_task_set_user(struct grove_task *task, void *user)
{
	task->user = user;
}

void *grove_task_user(const struct grove_task *task)
{
	return task->user;
}

const struct grove_wait *grove_task_wait(const struct grove_task *task)
{
	return &task->wait;
}

const char *grove_wait_name(uint32_t kind)
{
	static const char *const names[] = {
		[SNAG_RT_WAIT_NONE] = "none",	      [SNAG_RT_WAIT_READABLE] = "readable",
		[SNAG_RT_WAIT_WRITABLE] = "writable", [SNAG_RT_WAIT_PROCESS] = "process",
		[SNAG_RT_WAIT_SLEEP] = "sleep",	      [SNAG_RT_WAIT_FOREVER] = "forever",
		[SNAG_RT_WAIT_EVENT] = "event",	      [SNAG_RT_WAIT_LOCK] = "lock",
		[SNAG_RT_WAIT_SEND] = "send",	      [SNAG_RT_WAIT_RECEIVE] = "receive",
		[SNAG_RT_WAIT_NURSERY] = "nursery",   [SNAG_RT_WAIT_TASK] = "task",
		[SNAG_RT_WAIT_THREAD] = "thread",     [SNAG_RT_WAIT_SIGNAL] = "signal",
		[SNAG_RT_WAIT_LIMIT] = "limit",	      [SNAG_RT_WAIT_OTHER] = "other",
	};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "unknown";
}
