/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backend.h - how an actor comes to be, and how it goes: one row of functions a backend.
 *
 * A backend starts something that will call grove_actor_main() (program.h) with the boot line it
 * was given, knows when that has ended, and can be asked to end it. It does not talk to the actor:
 * the new actor connects to its parent by itself, and everything else is said over that channel.
 *
 * All calls are made in a task of the parent's loop, and may wait there. spawn() and wait() are
 * cancellable: after -ECANCELED from spawn() nothing may be left of the attempt, after -ECANCELED
 * from wait() it is called again. tell() never waits. The order is: spawn, any number of tell and
 * wait, until wait gave 0 (or abandon was called); then release.
 *
 *	const struct grove_backend grove_backend_exec = { .name = "exec", ... };
 */
#pragma once

#include <sys/types.h>

#include "runtime/actor/boot.h"
#include "runtime/core/base.h"

struct grove_backend;
struct grove_program;

/* How hard a child is asked to end; the steps of the ladder below the message. */
enum grove_tell {
	GROVE_TELL_TERM = 1, /* SIGTERM, or what is nearest to it */
	GROVE_TELL_KILL = 2, /* the end of it and of all below it, whatever it does */
};

/* How a child ended. */
struct grove_end {
	int code;   /* exit code, or -1 */
	int signal; /* the signal that ended it, or 0 */
	bool known; /* false: gone, but nobody can tell how (code and signal mean nothing) */
};

/*
 * A running child. The backend fills pid, tid and pidfd in spawn(); `own` is its own business.
 * Lives at one address from spawn() to release().
 */
struct grove_child {
	const struct grove_backend *backend;
	const struct grove_program *program;
	struct grove_boot boot;
	pid_t pid;	 /* the process that hosts the actor: ours for a hosted one */
	pid_t tid;	 /* the thread that hosts it, 0: the main thread of `pid` */
	int pidfd;	 /* of `pid`; -1 for an actor hosted in this process */
	pid_t forked_by; /* who called fork or clone, when that is another process; else 0 */
	struct grove_end end;
	void *own;
};

/*
 * A second way into the program, for helper processes of a backend (a resource tracker, a fork
 * server): `PROGRAM --grove-entry NAME ARGS...` calls run() with what follows the name.
 */
struct grove_entry_point {
	const char *name; /* NULL ends the list */
	int (*run)(const struct grove_program *program, int argc, char **argv);
};

struct grove_backend {
	const char *name;   /* of --spawn-backend; snag calls it `backend` */
	const char *alias;  /* another name of it there; NULL: none */
	const char *method; /* what the kernel sees, in snag's words: "fork-exec",
			       "vfork-exec", "fork", "thread-fork", "forkserver", "interpreter" */
	const char *text;   /* one line for --help */
	bool hosted;	    /* the actor lives on a thread of this process */

	/*
	 * NULL, or why it cannot work here: then spawn() is never called, and who asks for an
	 * actor gets -ENOTSUP with this text. Static text. May be NULL: it works everywhere.
	 */
	const char *(*refuses)(void);

	/*
	 * Start the actor of child->boot. `child` is zero but for backend, program, boot, and
	 * pidfd -1. Returns 0 when the process or thread exists, not when the actor is up.
	 */
	int (*spawn)(struct grove_child *child, struct grove_error *err);

	/* Wait until it has ended, and reap it: nothing of it is left in the kernel then. 0 with
	 * child->end filled, -ECANCELED, or -errno when that cannot be told. */
	int (*wait)(struct grove_child *child, struct grove_error *err);

	/*
	 * Ask it to end. 0: asked (or it is gone already); -ENOTSUP: this backend has no such
	 * step, say why in `err`; -EINPROGRESS: no such step, and none is needed yet, since the
	 * actor is busy with ending those below it. KILL means the whole subtree, and never goes
	 * by a pid alone.
	 */
	int (*tell)(struct grove_child *child, enum grove_tell how, struct grove_error *err);

	/*
	 * Only where there is no KILL: from now on nobody waits for it. wait() gives -EBUSY at
	 * once, release() leaves to it what it still uses, and it ends by itself or with the
	 * process. NULL: never needed.
	 */
	void (*abandon)(struct grove_child *child);

	/* Free what spawn() made: pidfd and `own`. Called once, after the end. */
	void (*release)(struct grove_child *child);

	/*
	 * Called when the actor ends that its process was made for (not a hosted one), after all
	 * actors below it: end what the process keeps for this backend (a fork server, a tracker).
	 * May wait, shielded; bounded by itself. NULL: keeps nothing.
	 */
	void (*shutdown)(const struct grove_program *program);

	/*
	 * An actor of this process has made a file (its socket, the folder of sockets), or removes
	 * it now: for somebody who tidies up after those who cannot. In the actor's thread, does
	 * not wait. NULL: of no interest.
	 */
	void (*on_file)(const char *path, bool made);

	const struct grove_entry_point *entries; /* NULL: none */
};
