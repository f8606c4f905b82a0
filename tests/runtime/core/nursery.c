/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nursery.c - wait for all children, cancel them when one fails, collect what went wrong.
 */
#include "runtime/core/nursery.h"

#include <errno.h>
#include <string.h>

#include "runtime/core/errors.h"
#include "runtime/core/inside.h"

/* One grove_start() under way; lives on the stack of its caller. */
struct grove_starting {
	struct grove_nursery *target;
	struct grove_nursery old; /* where the task lives until it is ready */
	void *value;
	bool started;
};

void grove_nursery_open(struct grove_nursery *nursery, const char *name)
{
	struct grove_task *task = grove_current();

	if (!task)
		grove_bug("nursery '%s' was opened outside of a task", name ? name : "");
	memset(nursery, 0, sizeof(*nursery));
	grove_copy_name(nursery->name, sizeof(nursery->name), name);
	grove_list_init(&nursery->children);
	nursery->parent = task;
	grove_scope_enter(&nursery->scope, name, GROVE_NEVER);
	grove_list_add(&task->nurseries, &nursery->link);
}

void grove_nursery_cancel(struct grove_nursery *nursery, const char *text)
{
	const struct grove_task *task = grove_current();

	grove_scope_cancel(&nursery->scope, GROVE_CANCEL_CALL, task ? task->name : "loop", text);
}

struct grove_task *grove_spawn(struct grove_nursery *nursery, const char *name, grove_task_fn *fn,
			       void *arg)
{
	struct grove_loop *loop = grove_loop_current();

	if (nursery->closed)
		grove_bug("task '%s' was spawned into closed nursery '%s'", name, nursery->name);
	if (loop != nursery->parent->loop)
		grove_bug("task '%s' was spawned into a nursery of another loop", name);
	struct grove_task *task = grove_task_new(loop, name, fn, arg);
	const struct grove_task *spawner = loop->current ? loop->current : nursery->parent;

	task->nursery = nursery;
	task->user = spawner->user;
	grove_list_add(&nursery->children, &task->siblings);
	nursery->count++;
	grove_task_enter_scope(task, &nursery->scope);
	return task;
}

/* ---- what went wrong ---------------------------------------------------------------------------
 */

static void collect(struct grove_nursery *nursery, struct grove_errors *node, const char *who)
{
	if (!grove_errors_origin(node)->task[0])
		grove_errors_set_origin(node, who, NULL, NULL);
	if (!nursery->errors)
		nursery->errors = grove_errors_new(grove_errors_code(node), "nursery");
	grove_errors_add(nursery->errors, node);
	grove_scope_cancel(&nursery->scope, GROVE_CANCEL_SIBLING, who, grove_errors_text(node));
}

/* The end of a child or of the body, by `task`, with rc < 0. */
static void add_failure(struct grove_nursery *nursery, const struct grove_task *task, int rc,
			struct grove_error *err)
{
	struct grove_error local = GROVE_ERROR_INIT;

	if (rc == -ECANCELED && task->ever_delivered) {
		nursery->cancelled = true;
		grove_scope_follow(&nursery->scope);
		grove_error_clear(err);
		return;
	}
	if (err)
		grove_error_move(&local, err);
	/* Nothing outside would take it for an error. */
	if (rc == -ECANCELED) {
		rc = -EPROTO;
		grove_error_at(&local, rc, "task '%s' gave -ECANCELED without a cancel",
			       task->name);
	}
	local.code = rc;
	collect(nursery, grove_errors_from(&local), task->name);
	grove_error_clear(&local);
}

/* The group that callers see, with a line that says the most important. */
static int give_errors(struct grove_nursery *nursery, struct grove_error *err)
{
	_grove_errors_ struct grove_errors *all = grove_steal(nursery->errors);
	const struct grove_errors *first = grove_errors_child(all, 0);
	int code = grove_errors_code(first);
	size_t count = grove_errors_count(all);
	const char *text = grove_errors_text(first);
	struct grove_errors *group =
		count == 1 ? grove_errors_new(code, "nursery '%s': %s", nursery->name, text) :
			     grove_errors_new(code, "nursery '%s': %zu tasks failed, first: %s",
					      nursery->name, count, text);

	for (size_t i = 0; i < count; i++) {
		/* The children of `all` are shared with `group` from here on. */
		const struct grove_errors *child = grove_errors_child(all, i);

		grove_errors_add(group, grove_errors_ref((struct grove_errors *)child));
	}
	return grove_error_set_tree(err, group);
}

/* ---- the end -----------------------------------------------------------------------------------
 */

static void wake_parent_when_empty(struct grove_nursery *nursery)
{
	if (!nursery->waiting || nursery->count > 0 || nursery->starting > 0)
		return;
	nursery->waiting = false;
	grove_unpark(nursery->parent, 0);
}

void grove_nursery_child_done(struct grove_nursery *nursery, struct grove_task *task)
{
	grove_list_del(&task->siblings);
	nursery->count--;
	if (task->rc < 0)
		add_failure(nursery, task, task->rc, &task->err);
	wake_parent_when_empty(nursery);
}

/* The cancel has reached the children as well, and the parent has to wait for their end. */
static bool remember_cancel(struct grove_task *task, void *arg)
{
	struct grove_nursery *nursery = arg;

	(void)task;
	nursery->cancelled = true;
	grove_scope_follow(&nursery->scope);
	return false;
}

static void wait_for_children(struct grove_nursery *nursery)
{
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_NURSERY, nursery, nursery->name);

	while (nursery->count > 0 || nursery->starting > 0) {
		nursery->waiting = true;
		grove_park(&wait, nursery->cancelled ? NULL : remember_cancel, nursery);
	}
}

int grove_nursery_exit(struct grove_nursery *nursery, int rc, struct grove_error *err)
{
	struct grove_task *task = grove_current();

	if (task != nursery->parent || task->nurseries.prev != &nursery->link)
		grove_bug("nursery '%s' was left by another task or before one inside of it",
			  nursery->name);
	if (rc < 0)
		add_failure(nursery, task, rc, err);
	wait_for_children(nursery);
	nursery->closed = true;
	grove_list_del(&nursery->link);
	rc = nursery->cancelled ? -ECANCELED : 0;
	/* It may have met a child only, but its parent is going to hand it up. */
	if (rc < 0)
		grove_task_note_cancel(task);
	if (nursery->errors)
		rc = give_errors(nursery, err);
	return grove_scope_exit(&nursery->scope, rc, err);
}

/* ---- start -------------------------------------------------------------------------------------
 */

/* A group of one was made by the nursery of grove_start(), which is nobody's business. */
static int unwrap(int rc, struct grove_error *err)
{
	if (!err || !err->tree || grove_errors_count(err->tree) != 1)
		return rc;
	const struct grove_errors *child = grove_errors_child(err->tree, 0);

	return grove_error_set_tree(err, grove_errors_ref((struct grove_errors *)child));
}

int grove_start(struct grove_nursery *nursery, struct grove_start *start, struct grove_error *err)
{
	struct grove_starting starting = { .target = nursery };
	struct grove_error local = GROVE_ERROR_INIT;

	if (nursery->closed)
		grove_bug("task '%s' was started in closed nursery '%s'", start->name,
			  nursery->name);
	nursery->starting++;
	grove_nursery_open(&starting.old, "start");
	struct grove_task *task = grove_spawn(&starting.old, start->name, start->fn, start->arg);

	task->starting = &starting;
	task->made_by_start = true;
	int rc = grove_nursery_exit(&starting.old, 0, &local);

	nursery->starting--;
	wake_parent_when_empty(nursery);
	start->value = starting.value;
	if (rc < 0 && rc != -ECANCELED)
		rc = unwrap(rc, &local);
	else if (rc == 0 && !starting.started)
		rc = grove_error_set(&local, -EPROTO, "task '%s' ended before it was started",
				     start->name);
	grove_error_move(err, &local);
	return rc;
}

/* From the nursery of the caller of grove_start() to the one where it will live. */
static void move_to(struct grove_task *task, struct grove_nursery *from, struct grove_nursery *to)
{
	struct grove_list *scopes = &from->scope.children;

	grove_list_del(&task->siblings);
	grove_list_add(&to->children, &task->siblings);
	from->count--;
	to->count++;
	task->nursery = to;
	while (!grove_list_empty(scopes))
		grove_scope_reparent(grove_of(scopes->next, struct grove_scope, siblings),
				     &to->scope);
	if (task->scope == &from->scope)
		grove_task_enter_scope(task, &to->scope);
	else
		grove_task_enter_scope(task, task->scope);
}

int grove_started(void *value)
{
	struct grove_task *task = grove_current();

	if (!task)
		grove_bug("grove_started() outside of a task");
	struct grove_starting *starting = task->starting;

	if (!starting)
		return task->made_by_start ? -EPROTO : 0;
	/* Its starter is being cancelled: it will be cancelled as well, where it is. */
	if (starting->old.scope.effective)
		return 0;
	task->starting = NULL;
	starting->value = value;
	starting->started = true;
	move_to(task, &starting->old, starting->target);
	wake_parent_when_empty(&starting->old);
	return 0;
}
