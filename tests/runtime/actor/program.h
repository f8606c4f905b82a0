/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h - what a program that has actors tells grove about itself, and its two entries.
 *
 *	static const struct grove_func funcs[] = { { "double", double_it }, { NULL, NULL } };
 *	static const struct grove_program program = {
 *		.name = "calc", .funcs = funcs, .backends = grove_backends };
 *
 *	int main(int argc, char **argv)
 *	{
 *		int code;
 *
 *		if (grove_program_enter(&program, argc, argv, &code))
 *			return code;
 *		...
 *		rc = grove_actor_root(&program, &opts, &err);
 *	}
 */
#pragma once

#include "runtime/actor/backend.h"
#include "runtime/wire/value.h"

struct grove_actor;
struct grove_context;
struct grove_turn;

/*
 * A function that others may call. `args` is the caller's value; *ret (nil at first) is given back
 * when it returns 0; -errno with a line in `err` is relayed to the caller as its error. -ECANCELED:
 * it stopped because it was cancelled. `context` is the caller's end: see context.h.
 */
typedef int grove_call_fn(struct grove_context *context, const struct grove_value *args,
			  struct grove_value *ret, struct grove_error *err);

struct grove_func {
	const char *name; /* NULL ends the list */
	grove_call_fn *fn;
};

struct grove_program {
	const char *name;
	const struct grove_func *funcs;
	const struct grove_backend *const *backends; /* ended by NULL */
	/*
	 * Switch a defect on in the actor that runs now, before it serves anybody: the name was
	 * given to the root and is handed down. NULL: there are none.
	 */
	int (*arm)(const char *fault, struct grove_actor *actor, struct grove_error *err);
};

/* The backend called `name`, or with that alias. NULL with an error that lists those there are. */
const struct grove_backend *grove_program_backend(const struct grove_program *program,
						  const char *name, struct grove_error *err);

/*
 * The first thing in main(): when this process was started to be an actor or a helper of a
 * backend, do that, put the exit code into *code and return true. Else false, nothing done.
 */
bool grove_program_enter(const struct grove_program *program, int argc, char **argv, int *code);

/* The argument that makes grove_program_enter() run an actor; the boot line follows it. */
#define GROVE_ARG_ACTOR "--grove-actor"
/* The one for an entry point of a backend; its name and arguments follow it. */
#define GROVE_ARG_ENTRY "--grove-entry"

/* What a host does around the actor's loop; all NULL for a process. */
struct grove_host {
	bool hosted; /* on a thread of a process that has other actors: no signals, no exit */
	const struct grove_turn *turn; /* of its loop, see core/loop.h; NULL: none */
	/* Called in the actor's thread when it may be cancelled, and before it ends. */
	void (*up)(void *arg, struct grove_actor *actor);
	void (*down)(void *arg);
	/* It has to end one more (+1) or one less (-1) of the actors below it before itself. */
	void (*ending)(void *arg, int change);
	void *arg;
};

/*
 * Be the actor of `boot` until it ends: runs a loop in this thread, connects to the parent, serves.
 * Gives the exit code for the process: 0 done or cancelled, 1 failed (one line on stderr).
 * `host` may be NULL. After a fork without exec call grove_after_fork_child() before.
 */
int grove_actor_main(const struct grove_program *program, const struct grove_boot *boot,
		     const struct grove_host *host);
