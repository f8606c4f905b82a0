/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scope.c - the tree of cancel scopes, and how a cancel runs down it.
 *
 * Each scope keeps whether it is `effective`: what a checkpoint inside would say. A change runs
 * down the tree as far as it changes something (trio's CancelStatus.recalculate()), and parked
 * tasks it reaches are stopped at once.
 */
#include "runtime/core/scope.h"

#include <errno.h>
#include <string.h>

#include "runtime/core/inside.h"
#include "runtime/core/probe.h"
#include "runtime/core/truth.h"

static struct grove_loop *loop_here(void)
{
	struct grove_loop *loop = grove_loop_current();

	if (!loop)
		grove_bug("a cancel scope outside of a loop");
	return loop;
}

const char *grove_cancel_by_name(enum grove_cancel_by by)
{
	static const char *const names[] = {
		[GROVE_CANCEL_NONE] = "none",	      [GROVE_CANCEL_CALL] = "call",
		[GROVE_CANCEL_DEADLINE] = "deadline", [GROVE_CANCEL_SIBLING] = "sibling",
		[GROVE_CANCEL_SIGNAL] = "signal",     [GROVE_CANCEL_REMOTE] = "remote",
		[GROVE_CANCEL_SHUTDOWN] = "shutdown",
	};

	return (size_t)by < sizeof(names) / sizeof(names[0]) ? names[by] : "unknown";
}

/* ---- who is cancelled --------------------------------------------------------------------------
 */

static bool parent_reaches(const struct grove_scope *scope)
{
	return !scope->shield && scope->parent && scope->parent->effective;
}

static void copy_flags(struct grove_task *task)
{
	const struct grove_scope *scope = task->scope;

	task->requested = scope && scope->effective;
	task->shielded = scope && scope->held;
	if (!task->requested)
		task->delivered = false;
}

/* Compute `scope` anew from its parent and tell its own tasks; whether those below must know. */
static bool settle(struct grove_scope *scope)
{
	const struct grove_scope *parent = scope->parent;
	bool effective = scope->cancel_called || parent_reaches(scope);
	bool held = !effective && parent && (parent->effective || parent->held);

	if (effective == scope->effective && held == scope->held)
		return false;
	scope->effective = effective;
	scope->held = held;
	for (struct grove_list *at = scope->tasks.next; at != &scope->tasks; at = at->next) {
		struct grove_task *task = grove_of(at, struct grove_task, scope_link);

		copy_flags(task);
		grove_task_deliver(task);
	}
	return true;
}

/* The scope after `at` in a walk below `root`, parents first; NULL at the end. */
static struct grove_scope *next_below(struct grove_scope *root, struct grove_scope *at, bool down)
{
	if (down && !grove_list_empty(&at->children))
		return grove_of(at->children.next, struct grove_scope, siblings);
	for (; at != root; at = at->parent) {
		if (at->siblings.next != &at->parent->children)
			return grove_of(at->siblings.next, struct grove_scope, siblings);
	}
	return NULL;
}

/* Aborting a parked task moves no scope, so the walk can go on after each. */
static void settle_tree(struct grove_scope *root)
{
	struct grove_scope *at = root;

	while (at)
		at = next_below(root, at, settle(at));
}

void grove_task_enter_scope(struct grove_task *task, struct grove_scope *scope)
{
	grove_list_del(&task->scope_link);
	task->scope = scope;
	if (scope)
		grove_list_add(&scope->tasks, &task->scope_link);
	copy_flags(task);
	grove_task_deliver(task);
}

void grove_scope_reparent(struct grove_scope *scope, struct grove_scope *parent)
{
	grove_list_del(&scope->siblings);
	scope->parent = parent;
	grove_list_add(&parent->children, &scope->siblings);
	settle_tree(scope);
}

struct grove_scope *grove_scope_cause(struct grove_scope *scope)
{
	while (scope && scope->effective && !scope->cancel_called)
		scope = scope->parent;
	return scope && scope->effective ? scope : NULL;
}

/* ---- enter and exit ----------------------------------------------------------------------------
 */

static void deadline_passed(struct grove_timer *timer)
{
	struct grove_scope *scope = grove_of(timer, struct grove_scope, timer);

	grove_scope_cancel(scope, GROVE_CANCEL_DEADLINE, scope->task->name, "deadline passed");
}

static void enter(struct grove_scope *scope, const char *name, int64_t deadline_ns, bool shield)
{
	struct grove_task *task = grove_current();

	if (!task)
		grove_bug("a cancel scope was entered outside of a task");
	memset(scope, 0, sizeof(*scope));
	scope->task = task;
	scope->parent = task->scope;
	scope->shield = shield;
	scope->entered = true;
	scope->timer.fire = deadline_passed;
	scope->timer.deadline_ns = GROVE_NEVER;
	grove_copy_name(scope->name, sizeof(scope->name), name);
	grove_list_init(&scope->siblings);
	grove_list_init(&scope->children);
	grove_list_init(&scope->tasks);
	if (scope->parent)
		grove_list_add(&scope->parent->children, &scope->siblings);
	settle(scope);
	grove_task_enter_scope(task, scope);
	grove_scope_set_deadline(scope, deadline_ns);
}

void grove_scope_enter(struct grove_scope *scope, const char *name, int64_t deadline_ns)
{
	enter(scope, name, deadline_ns, false);
}

void grove_scope_enter_shielded(struct grove_scope *scope, const char *name, int64_t deadline_ns)
{
	enter(scope, name, deadline_ns, true);
}

void grove_move_on_after(struct grove_scope *scope, int64_t after_ns)
{
	enter(scope, "move_on_after", grove_deadline_after(after_ns), false);
}

void grove_fail_after(struct grove_scope *scope, int64_t after_ns)
{
	enter(scope, "fail_after", grove_deadline_after(after_ns), false);
	scope->fail = true;
}

/* What the end of the body means for who is outside. The scope is still in the tree. */
static int outcome(struct grove_scope *scope, int rc, struct grove_error *err)
{
	if (rc != -ECANCELED || !scope->effective || parent_reaches(scope))
		return rc;
	scope->caught = true;
	grove_error_clear(err);
	if (!scope->fail || scope->reason.by != GROVE_CANCEL_DEADLINE)
		return 0;
	return grove_error_set(err, -ETIMEDOUT, "too slow: the time for it was over");
}

int grove_scope_exit(struct grove_scope *scope, int rc, struct grove_error *err)
{
	struct grove_task *task = grove_current();

	if (!task || task->scope != scope)
		grove_bug("scope '%s' was left by another task or before one inside of it",
			  scope->name);
	if (!grove_list_empty(&scope->children) || scope->tasks.next->next != &scope->tasks)
		grove_bug("scope '%s' was left with somebody inside", scope->name);
	grove_timer_stop(task->loop, &scope->timer);
	rc = outcome(scope, rc, err);
	grove_list_del(&scope->siblings);
	scope->entered = false;
	grove_task_enter_scope(task, scope->parent);
	return rc;
}

/* ---- cancel ------------------------------------------------------------------------------------
 */

static void report(const struct grove_scope *scope)
{
	const struct grove_reason *reason = &scope->reason;

	GROVE_PROBE5(cancel_request, loop_here()->tid, scope, reason->by, reason->who,
		     reason->text);
	if (grove_truth_is_open())
		grove_truth("cancelled-by", grove_fact_text("scope", scope->name),
			    grove_fact_text("of", scope->task->name),
			    grove_fact_text("by", grove_cancel_by_name(reason->by)),
			    grove_fact_text("who", reason->who),
			    grove_fact_text("text", reason->text));
}

void grove_scope_cancel(struct grove_scope *scope, enum grove_cancel_by by, const char *who,
			const char *text)
{
	struct grove_loop *loop = loop_here();

	if (!scope->entered)
		grove_bug("scope '%s' was cancelled while nobody is inside", scope->name);
	if (scope->task->loop != loop)
		grove_bug("scope '%s' was cancelled from the thread of another loop", scope->name);
	if (scope->cancel_called)
		return;
	scope->cancel_called = true;
	scope->cancel_seq = ++loop->cancel_seq;
	scope->reason.by = by;
	grove_copy_name(scope->reason.who, sizeof(scope->reason.who), who);
	grove_copy_name(scope->reason.text, sizeof(scope->reason.text), text);
	report(scope);
	settle_tree(scope);
}

void grove_scope_follow(struct grove_scope *scope)
{
	const struct grove_scope *cause = grove_scope_cause(scope);

	if (!cause || scope->cancel_called)
		return;
	scope->cancel_called = true;
	scope->cancel_seq = cause->cancel_seq;
	scope->reason = cause->reason;
	settle_tree(scope);
}

void grove_scope_set_deadline(struct grove_scope *scope, int64_t deadline_ns)
{
	grove_timer_set(loop_here(), &scope->timer, deadline_ns);
	/* Who comes too late does not get one more operation done. */
	if (deadline_ns != GROVE_NEVER && deadline_ns <= grove_now_ns())
		deadline_passed(&scope->timer);
}

void grove_scope_set_shield(struct grove_scope *scope, bool shield)
{
	scope->shield = shield;
	settle_tree(scope);
}

bool grove_scope_cancelled(const struct grove_scope *scope)
{
	return scope->effective;
}

struct grove_scope *grove_scope_current(void)
{
	struct grove_task *task = grove_current();

	return task ? task->scope : NULL;
}

const struct grove_reason *grove_cancel_reason(void)
{
	const struct grove_scope *cause = grove_scope_cause(grove_scope_current());

	return cause ? &cause->reason : NULL;
}
