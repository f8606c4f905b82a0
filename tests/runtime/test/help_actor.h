/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_actor.h - tests of actors: the program that they are, on every backend.
 *
 *	static int body(void *arg, struct grove_error *err) { ... }
 *
 *	Test(actor_life, start)
 *	{
 *		help_on_all((struct help_case){ .name = "life.start", .body = body });
 *	}
 *
 * The case is run once for each backend and transport. After each run nothing may be left of it
 * (help_left.h).
 */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "runtime/actor/actor.h"
#include "runtime/actor/actors.h"
#include "runtime/actor/context.h"
#include "runtime/actor/registrar.h"
#include "runtime/core/errors.h"
#include "runtime/core/io.h"
#include "runtime/spawn/backends.h"
#include "runtime/test/help_left.h"

/* A backend that a case is not for, and why. */
struct help_skip {
	const char *backend; /* NULL ends the list */
	const char *reason;
};

struct help_case {
	const char *name;
	grove_task_fn *body; /* the root's program; its failure is that of the test */
	int expect;	     /* what grove_actor_root() shall give */
	int64_t grace_ns;    /* 0: as usual */
	const struct help_skip *skip;
	const char *only; /* the one backend that it is about; NULL: all */
	bool orphans;	  /* a process is killed: those below it are for us to reap */
	bool one_transport;
	bool pidfd; /* it kills what is not a child: not without pidfd_open(2) */
};

/* Run it on all backends. `help_arg` of a case is the struct help_run below. */
void help_on_all(struct help_case what);

/* Of the present run, for the body's `arg`. */
struct help_run {
	const char *backend;
	bool tcp;
	bool hosted;
};

/* The program of the tests: see the functions in help_actor.c. */
extern const struct grove_program help_program;

/* Of test_res_tty.c and test_res_hang.c: run in other actors. */
grove_call_fn help_tty_hold, help_tty_twice, help_hang_dump;
#define HELP_RES_FUNCS                                                                             \
	{ "tty.hold", help_tty_hold }, { "tty.twice", help_tty_twice },                            \
	{                                                                                          \
		"hang.dump", help_hang_dump                                                        \
	}

/* Start an actor; the test fails when it cannot be. */
struct grove_portal *help_start(struct grove_actors *actors, const char *name);

/* "double" in the actor: whether it still does its work. */
void help_expect_alive(struct grove_portal *portal);

/* Whether there is pidfd_open(2) here: valgrind before 3.21 has none. */
bool help_has_pidfds(void);

/* Whether the process is there (a zombie counts as not). */
bool help_process_lives(pid_t pid);

/* Wait until it is not: false after HELP_LONG. */
bool help_wait_dead(pid_t pid);
