/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * actor.h - the actor that this loop is: its name, its addresses, its end; and the root of a tree.
 *
 * An actor is a loop that listens, runs functions for others, and may have actors below it
 * (actors.h). It ends when it is cancelled: by its parent's message, by SIGINT (SIGTERM: in a
 * hurry), or because its parent is gone, which an orphan sees by the end of its channel and by a
 * pidfd. All its calls are cancelled then, their ends are told, and the sockets are removed.
 *
 * Lines in the truth log besides core's: spawned-by, up, connected, waits-for, waits-no-more,
 * actor-cancel, ladder, child-exit, child-abandoned, actor-exit; protocol-error for a connection
 * that was closed.
 */
#pragma once

#include <sys/types.h>

#include "runtime/actor/context.h"
#include "runtime/actor/program.h"
#include "runtime/core/scope.h"
#include "runtime/core/task.h"
#include "runtime/wire/addrs.h"

/* Where a registrar listens when nobody says anything else. */
#define GROVE_REGISTRAR_PORT 1616
#define GROVE_REGISTRAR_TCP "/ip4/127.0.0.1/tcp/1616"

/* How long each step of the ladder waits by default. */
#define GROVE_GRACE_NS (INT64_C(500) * 1000000)

struct grove_root_opts {
	const char *name;    /* NULL: that of the program */
	const char *backend; /* of the actors below; NULL: the first of the program */
	const char *fault;   /* for program->arm(), in every actor; NULL: none */
	bool tcp;	     /* actors listen on 127.0.0.1 instead of on a unix socket */
	const struct grove_addrs *binds; /* besides; NULL: none */
	/* Registrars: the first that answers is ours; none answers: we are it and listen there too.
	 * NULL or empty: we are. */
	const struct grove_addrs *registrars;
	const char *endpoints; /* a TOML file (wire/endpoints.h): who else listens where; or NULL */
	int64_t grace_ns;      /* of each step of the ladder; 0: GROVE_GRACE_NS */
	bool leave_signals;    /* SIGINT and SIGTERM are the program's own business */
};

/*
 * Run fn(arg) as the first task of a root actor, until it and all actors below are done. Gives
 * what fn gave, -EINTR when a signal ended it. `opts` may be NULL.
 */
int grove_actor_root(const struct grove_program *program, const struct grove_root_opts *opts,
		     grove_task_fn *fn, void *arg, struct grove_error *err);

/* The actor of this loop. NULL outside of one. */
struct grove_actor *grove_actor_self(void);

/* Facts about it. Borrowed while it lives. */
const struct grove_uid *grove_actor_uid(const struct grove_actor *actor);
const struct grove_uid *grove_actor_parent_uid(const struct grove_actor *actor);
const struct grove_addrs *grove_actor_addrs(const struct grove_actor *actor);
const struct grove_program *grove_actor_program(const struct grove_actor *actor);
const char *grove_actor_backend(const struct grove_actor *actor); /* of those below */
const char *grove_actor_fault(const struct grove_actor *actor);	  /* "" without one */
int64_t grove_actor_grace_ns(const struct grove_actor *actor);
pid_t grove_actor_root_pid(const struct grove_actor *actor); /* of the process of the tree's root */

/*
 * End this actor: cancels all it does. The first reason stays. In the thread of its loop; hosts
 * post a function that calls it. `hurry`: children are killed without asking them first.
 */
void grove_actor_cancel(struct grove_actor *actor, enum grove_cancel_by by, const char *who,
			const char *text);
void grove_actor_hurry(struct grove_actor *actor);

/*
 * Defects that real actor runtimes had. All off; fault/ switches them on in arm(). Kept here, in
 * one place, because they are decisions of this layer.
 */
struct grove_actor_defects {
	bool parent_unwatched;	  /* no pidfd of the parent: only the channel's end tells */
	bool cancel_unanswered;	  /* the message that asks for the end of the actor is lost */
	bool ladder_by_pid;	  /* the last step kills one pid, not the subtree */
	bool ladder_waits;	  /* who ends another one asks once, and waits without a bound */
	bool orphan_stays;	  /* the end of the channel to the parent ends nothing */
	bool find_keeps_stale;	  /* entries of the registrar stay when their actor is gone */
	bool find_takes_newest;	  /* of several actors of a name the newest, and no error */
	bool connect_for_ever;	  /* a connection that is never answered is waited for */
	bool listeners_inherited; /* listening sockets are not close-on-exec */
	bool reap_in_turn;	  /* one actor is ended after the other */
};
struct grove_actor_defects *grove_actor_defects(struct grove_actor *actor);
