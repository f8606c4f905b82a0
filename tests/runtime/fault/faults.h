/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.h - hangs that real actor runtimes had, to be switched on by name. Adding one is a file
 * in a folder below, a line here, a section of docs/HANGS.md, and a row in tests/scenario/grove/.
 *
 * A fault is armed in every actor of a tree, by the text that the root hands down: NAME, or
 * "off:NAME" for the same tree that plays the same part without the defect, and has to end well.
 * It switches a defect on (core's or actor/'s), or does what a node of grove-tree is to do once the
 * tree is up, or both. What has really happened it tells the truth log, in these lines:
 *
 *	trap		all is set up; the trigger may come now (the root's pid is printed already)
 *	hang		the tree hangs, as far as this actor can tell
 *	hang-wait	waiter, thread, wait, key, on: it waits so for that file, on process `on`
 *	hang-leaves	this thread will be gone, or a zombie unless `reaped`, when the tree hangs
 *	hang-culprit	culprit, thread, key, word: who is to blame for what; the word is in what
 *			snag says about it. Of several lines each is right
 *	hang-finding	finding, of, key: snag finds that of process `of`, about that file
 *	hang-says	word: snag says it
 *
 * The scenario waits for as many lines "trap" and "hang" as the fault says, and holds the others
 * against snag. Keys are in snag's words: "pipe:[7]".
 */
#pragma once

#include <pthread.h>

#include "runtime/actor/actors.h"
#include "runtime/actor/program.h"

/* Who gets which signal when the trap is set. */
enum grove_trigger {
	GROVE_TRIGGER_NONE = 0,	  /* it hangs by itself */
	GROVE_TRIGGER_ROOT = 1,	  /* SIGINT to the root */
	GROVE_TRIGGER_ORPHAN = 2, /* SIGKILL to the root, then SIGINT to who has set the trap */
};

/* Where a fault's function runs: a node of a tree that is up. */
struct grove_fault_place {
	const char *path;		 /* its name: "root.0.1" */
	int level;			 /* 0 is the root */
	bool off;			 /* play the part, but without the defect */
	struct grove_context *above;	 /* NULL in the root */
	struct grove_actors *actors;	 /* the actors below; NULL in a leaf */
	struct grove_portal **portals;	 /* to them */
	struct grove_context **contexts; /* open in them; set to NULL when it was closed */
	size_t count;
};

/* Gives 0: go on as usual; GROVE_FAULT_DONE: this node's work is done; -errno. */
typedef int grove_fault_fn(struct grove_fault_place *place, struct grove_error *err);
enum { GROVE_FAULT_DONE = 1 };

/* Exit code of grove-tree after a SIGINT. */
enum { GROVE_FAULT_SIGINT = 130 };

struct grove_fault {
	const char *name; /* of --fault */
	const char *text; /* one line: what will hang */
	/* NULL, or why it cannot be shown on this backend. NULL: it can on all. */
	const char *(*refuses)(const struct grove_backend *backend);
	bool tcp;	    /* its actors have to listen on TCP */
	int depth, breadth; /* of the tree that shows it, when nothing else is asked for */
	enum grove_trigger trigger;
	int traps, hangs; /* lines to wait for */
	int off_code;	  /* exit code of the root when the defect is off, and the trigger came */
	/* In every actor when it begins: set up what the part needs, and unless `off` switch the
	 * defect on. Or NULL. */
	int (*arm)(struct grove_actor *actor, bool off, struct grove_error *err);
	/* What a leaf does once it is up, instead of waiting for a word from above. Or NULL. */
	grove_fault_fn *leaf;
	/* What an inner node does once all below it is up, before it waits for its end. Or NULL. */
	grove_fault_fn *node;
};

/* Builds code: X(name in C) for each. */
/* clang-format off */
#define GROVE_FAULTS(X) \
	X(cache_reentry) \
	X(captured_stdout) \
	X(closed_wakeup) \
	X(dead_fork_server) \
	X(fork_with_lock) \
	X(gone_without_eof) \
	X(killed_by_pid) \
	X(leaked_channel) \
	X(missed_exit) \
	X(orphan_sigint) \
	X(peer_handlers) \
	X(same_name) \
	X(shielded_receive) \
	X(sigint_dropped) \
	X(slow_reaping) \
	X(stale_entry) \
	X(swallowed_cancel) \
	X(tty_gone)
/* clang-format on */

#define X(name) extern const struct grove_fault grove_fault_##name;
GROVE_FAULTS(X)
#undef X

/* All of them, ended by NULL. */
extern const struct grove_fault *const grove_faults[];

/* The fault of a name or of "off:" and a name, *off (may be NULL) tells which; NULL: none. */
const struct grove_fault *grove_fault_find(const char *name, bool *off);

/* Why a fault cannot be shown on a backend, or NULL. Static text. */
const char *grove_fault_refusal(const struct grove_fault *fault,
				const struct grove_backend *backend);

/* For struct grove_program: arm the fault of this name. -EINVAL: there is none. */
int grove_fault_arm(const char *name, struct grove_actor *actor, struct grove_error *err);

/* For --list-faults: a line for each fault and backend, "KEY=VALUE" with tabs between them. */
void grove_fault_list(void);

/* ---- for faults ------------------------------------------------------------------------------ */

/* How far an actor of grove-tree is below its root, by its name. */
int grove_fault_level(const char *name);

/* The fault of a hosted actor: refuses backends that put actors on threads of one process. */
const char *grove_fault_needs_process(const struct grove_backend *backend);
/* And the other way round. */
const char *grove_fault_needs_thread(const struct grove_backend *backend);

/* Snag's key of a file that this process has open, in `key`, which is returned; "" for fd -1. */
enum { GROVE_FAULT_KEY = 64 };
const char *grove_fault_key(int fd, char key[static GROVE_FAULT_KEY]);

/* The lines of the truth log that stand above. `fd` -1: no file. */
void grove_fault_trap(void);
void grove_fault_hangs(void);
/* The calling thread waits so. `wait` in snag's words, "pipe-write"; `on` 0: on anybody. */
void grove_fault_waits(const char *wait, int fd, pid_t on);
/* The first thread of another process does; `fd` is one of this process. */
void grove_fault_other_waits(pid_t pid, const char *wait, int fd, pid_t on);
/* The calling thread is about to go, or its process: nothing is asked before it is gone; or, when
 * it is not `reaped`, before it is a zombie. */
void grove_fault_leaves(bool reaped);
/* `word` (may be NULL) is what snag has to say of it, for instance the name of a task. `fd` is one
 * of this process. Of this process: the calling thread. */
void grove_fault_culprit(pid_t pid, const char *word, int fd);
/* The first thread of another process, for a file that it has itself at `fd`. */
void grove_fault_culprit_has(pid_t pid, int fd);
/* The calling thread, for this lock of its process. */
void grove_fault_culprit_lock(const pthread_mutex_t *lock);
/* Thread `tid` of it; 0: the first. */
void grove_fault_culprit_in(pid_t pid, pid_t tid, const char *word);
/* This process, for the calling thread, which will not be there any more. */
void grove_fault_culprit_gone(const char *word);
/* The root, wherever this actor is. */
void grove_fault_culprit_root(const char *word);
/* Besides, snag finds that of process `of`; `fd` is one of this process, -1: no file. */
void grove_fault_finding(const char *finding, pid_t of, int fd);
/* And it says this. */
__attribute__((format(printf, 1, 2))) void grove_fault_says(const char *format, ...);
