/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scope.h - cancel scopes: a piece of a task that can be told to stop.
 *
 * Scopes nest; those of a child task hang below the scope of its nursery. A task is cancelled when
 * one of the scopes around it is, up to the first shielded one. Cancelling is level-triggered, as
 * in trio: from then on every blocking call returns -ECANCELED until the scope is left; the code
 * in between cleans up and hands the -ECANCELED up to grove_scope_exit(), which turns it into 0
 * when it belongs to this scope and passes it on when it belongs to an outer one.
 *
 *	struct grove_scope scope;
 *	grove_move_on_after(&scope, 2 * GROVE_SECOND);
 *	rc = grove_event_wait(&ready);
 *	rc = grove_scope_exit(&scope, rc, err);
 *	if (rc == 0 && scope.caught)
 *		... it took too long
 *
 * A scope lives on the stack of its task, is left in the order opposite to entering, and by its
 * own task. Cancelling it is allowed from any task of the same loop, never from another thread
 * (post a function through grove_token_post()).
 */
#pragma once

#include "runtime/core/base.h"
#include "runtime/core/timer.h"

struct grove_task;

enum grove_cancel_by {
	GROVE_CANCEL_NONE = 0,
	GROVE_CANCEL_CALL = 1,	   /* somebody called grove_scope_cancel() */
	GROVE_CANCEL_DEADLINE = 2, /* its deadline passed */
	GROVE_CANCEL_SIBLING = 3,  /* a child of the nursery failed, or its body did */
	GROVE_CANCEL_SIGNAL = 4,   /* SIGINT */
	GROVE_CANCEL_REMOTE = 5,   /* asked for by another actor */
	GROVE_CANCEL_SHUTDOWN = 6, /* the main task is done, system tasks end */
};

/* Why a scope was cancelled. The first reason stays. */
struct grove_reason {
	enum grove_cancel_by by;
	char who[GROVE_NAME_SIZE]; /* task, actor or "" */
	char text[128];		   /* one line */
};

/* Callers read `caught`, `cancel_called`, `reason` and the deadline; they write nothing. */
struct grove_scope {
	struct grove_scope *parent;
	struct grove_task *task;    /* who entered it */
	struct grove_list siblings; /* in the parent's children */
	struct grove_list children; /* scopes directly below */
	struct grove_list tasks;    /* tasks whose innermost scope this is */
	struct grove_timer timer;   /* its deadline_ns is GROVE_NEVER when there is none */
	uint64_t cancel_seq;	    /* unique for each cancel of the loop, 0: none yet */
	char name[GROVE_NAME_SIZE];
	bool shield;
	bool cancel_called; /* grove_scope_cancel() or the deadline */
	bool effective;	    /* cancelled, or below one that is and not shielded */
	bool held;	    /* not effective, but would be without a shield around it */
	bool caught;	    /* valid after the exit: a cancel of this scope ended its body */
	bool fail;	    /* a caught deadline gives -ETIMEDOUT */
	bool entered;
	struct grove_reason reason;
};

/* Enter a new scope. `name` may be NULL; deadline_ns is absolute, or GROVE_NEVER. */
void grove_scope_enter(struct grove_scope *scope, const char *name, int64_t deadline_ns);

/* Enter a scope that is shielded: cancels from outside are not seen inside, its own are. */
void grove_scope_enter_shielded(struct grove_scope *scope, const char *name, int64_t deadline_ns);

/* Enter a scope that is cancelled `after_ns` from now, quietly. */
void grove_move_on_after(struct grove_scope *scope, int64_t after_ns);

/* Enter a scope that is cancelled `after_ns` from now, and whose exit then gives -ETIMEDOUT. */
void grove_fail_after(struct grove_scope *scope, int64_t after_ns);

/*
 * Leave the innermost scope with the outcome of its body. Gives `rc` back, but 0 when rc is
 * -ECANCELED and this scope was the cause (then `caught` is set and `err`, which may be NULL, is
 * cleared), or -ETIMEDOUT when it was entered by grove_fail_after(). A mixed error (errors.h)
 * that has real errors besides the cancel stays what it is.
 */
int grove_scope_exit(struct grove_scope *scope, int rc, struct grove_error *err);

/*
 * Cancel a scope that is entered. The first call counts, later ones do nothing. `who` and `text`
 * are copied, NULL is "". Tasks inside are woken before this returns, the caller is not switched.
 */
void grove_scope_cancel(struct grove_scope *scope, enum grove_cancel_by by, const char *who,
			const char *text);

/* Change the deadline (absolute; one in the past cancels at the next turn of the loop). */
void grove_scope_set_deadline(struct grove_scope *scope, int64_t deadline_ns);

/* Switch the shield. Taking it away delivers what it held back. */
void grove_scope_set_shield(struct grove_scope *scope, bool shield);

/* Whether a checkpoint directly inside `scope` would fail now. */
bool grove_scope_cancelled(const struct grove_scope *scope);

/* The innermost scope of the running task. Borrowed. Outside of a task: NULL. */
struct grove_scope *grove_scope_current(void);

/* Why the running task is cancelled, NULL when it is not. Borrowed until the scope is left. */
const struct grove_reason *grove_cancel_reason(void);

/* The word for a cause: "call", "deadline", ... Static. */
const char *grove_cancel_by_name(enum grove_cancel_by by);
