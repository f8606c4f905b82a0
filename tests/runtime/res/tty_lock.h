/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tty_lock.h - the terminal of a tree, for one task of one actor at a time: for a debugger.
 *
 * The registrar grants it, in the order of asking. It goes to the next when the holder gives it
 * back, or when the holder's actor is gone, which the registrar sees by the end of its connection.
 * Who waits, or wonders, asks who holds it. All actors that share a registrar share the terminal.
 *
 *	struct grove_tty tty = { .held = false };
 *	rc = grove_tty_acquire(&tty, err);
 *	if (rc == 0)
 *		debug();
 *	grove_tty_release(&tty);
 *
 * A program whose actors use it has GROVE_TTY_FUNCS among its functions.
 */
#pragma once

#include "runtime/actor/context.h"
#include "runtime/actor/program.h"

/* Of one task; all zero: it does not hold the terminal. Callers read `held`. */
struct grove_tty {
	bool held;
	struct grove_portal *registrar; /* NULL: we are the registrar */
	struct grove_context *context;	/* the grant: it lasts as long as this */
};

/* Who holds the terminal. */
struct grove_tty_holder {
	bool held; /* false: nobody, and all below is empty */
	struct grove_uid actor;
	char task[GROVE_NAME_SIZE];
	int64_t task_id; /* in its process */
	pid_t pid;
	int64_t since_ns; /* on the registrar's clock, CLOCK_MONOTONIC */
	int64_t waiting;  /* tasks, also when nobody holds it */
};

/* Room for one line about a holder. */
#define GROVE_TTY_TEXT (GROVE_NAME_SIZE + GROVE_UID_TEXT + 96)

/*
 * Get the terminal; waits until it is our turn. 0; -EDEADLK: this task has it already; -ECANCELED;
 * -ENOTCONN: the registrar is gone, before or while we waited; -EREMOTEIO: it ends; -ENOSYS: its
 * program does not serve terminals. On failure nothing is held.
 */
GROVE_MUST_CHECK
int grove_tty_acquire(struct grove_tty *tty, struct grove_error *err);

/* Give it back, by the task that got it, and go on when the registrar has it, or our grace is over.
 * Nothing happens when it is not held. */
void grove_tty_release(struct grove_tty *tty);

static inline void grove_tty_guard(struct grove_tty *tty)
{
	grove_tty_release(tty);
}
#define _grove_tty_ _grove_cleanup_(grove_tty_guard)

/* Ask who holds it. Errors as above. */
GROVE_MUST_CHECK
int grove_tty_query(struct grove_tty_holder *ret, struct grove_error *err);

/* "held by task 'x' of worker.12345678 (process 4711); 2 wait", in `text`, which is returned. */
const char *grove_tty_print(const struct grove_tty_holder *holder,
			    char text[static GROVE_TTY_TEXT]);

/* At the registrar: take it away from another actor that holds it. 0, also when nobody does;
 * -EBUSY: a task of this actor does. */
GROVE_MUST_CHECK
int grove_tty_revoke(const char *reason);

/* The registrar's end. */
grove_call_fn grove_tty_serve, grove_tty_serve_query;

/* Rows of a program's table of functions. */
#define GROVE_TTY_FUNCS                                                                            \
	{ "grove.tty", grove_tty_serve },                                                          \
	{                                                                                          \
		"grove.tty.query", grove_tty_serve_query                                           \
	}

/* A defect that a real lock had; off. fault/ switches it on in the registrar. */
struct grove_tty_defects {
	/* A holder whose connection ended is expected to come back: it keeps the terminal until
	 * then, and no cancel reaches the task that keeps it. */
	bool keep_when_gone;
};

/* Those of the actor that runs in this thread. */
struct grove_tty_defects *grove_tty_defects(void);
