/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.h - tasks, checkpoints, and the one way to wait.
 *
 * A task is a function on a stack of its own, run by the loop of its thread; it is born in a
 * nursery (nursery.h) and ends when its function returns. Every wait of grove goes through
 * grove_park(), which says what the task waits for (the runtime descriptor shows it to snag) and
 * how to take it out of the queue it waits in when it is cancelled.
 *
 * Which calls are checkpoints: every blocking call of core/ looks at the cancel state at its
 * entry, and fails with -ECANCELED without having done anything. It lets other tasks run when it
 * has to wait, and besides after every 16th call in a row that did not have to.
 */
#pragma once

#include "runtime/core/base.h"
#include "runtime/snag_runtime.h"

struct grove_loop;
struct grove_nursery;
struct grove_scope;
struct grove_task;

/*
 * The body of a task. Returns 0, or -errno with the line in `err` (never NULL here). -ECANCELED
 * means: I stopped because I was cancelled.
 */
typedef int grove_task_fn(void *arg, struct grove_error *err);

/*
 * Who has promised to end a wait, as far as we know: so who looks on from outside sees whom a task
 * waits for, and that nobody is left who has promised. Offsets are published in the descriptor.
 */
struct grove_promise {
	uint32_t kind; /* enum snag_rt_promise, which says what else is set */
	int32_t fd, pid, tid;
	uint64_t task; /* its number */
	int64_t call;
	char who[GROVE_NAME_SIZE];
};

/* What a parked task waits for; offsets are published in the descriptor. */
struct grove_wait {
	uint32_t kind;	     /* enum snag_rt_wait */
	int32_t fd;	     /* the descriptor, or -1 */
	int32_t pid;	     /* the process or thread waited for, or 0 */
	int32_t number;	     /* a signal number, else 0 */
	const void *object;  /* address of the lock, event, channel, nursery or task; or NULL */
	int64_t deadline_ns; /* when it ends by itself on CLOCK_MONOTONIC, or GROVE_NEVER */
	int64_t since_ns;    /* set by grove_park() */
	char label[GROVE_NAME_SIZE]; /* name of the object, peer, address; "" */
	/* of who ends it; NULL: not known. Outlives the wait */
	const struct grove_promise *promise;
};

/* A wait of `kind` for nothing in particular: fd -1, no deadline. */
struct grove_wait grove_wait_of(uint32_t kind, const void *object, const char *label);

/*
 * Called at most once a park, in the loop's thread, when a parked task is cancelled. True: the task
 * is out of every queue and nobody will unpark it. False: it cannot be stopped, and whoever unparks
 * it will do so.
 */
typedef bool grove_abort_fn(struct grove_task *task, void *arg);

/*
 * Wait until somebody calls grove_unpark() on this task: gives its `rc`. When the task is, or
 * becomes, cancelled: calls `abort`; when that gives true the result is -ECANCELED, else it waits
 * on. `abort` NULL: cannot be cancelled at all. `wait` is copied. Only from inside a task.
 */
int grove_park(const struct grove_wait *wait, grove_abort_fn *abort, void *arg);

/*
 * Make a parked task runnable; its grove_park() gives `rc`. Exactly once a park, never after an
 * abort. Same thread only.
 */
void grove_unpark(struct grove_task *task, int rc);

/* -ECANCELED when the task is cancelled, 0 else. Does not switch. */
int grove_check(void);

/* Let the others run, and see whether we are cancelled: 0 or -ECANCELED. */
int grove_checkpoint(void);

/* Let the others run, cancelled or not. */
void grove_yield(void);

/*
 * The end of an operation that did not have to wait: at every 16th call in a row of this task the
 * others run. Does not look at the cancel state, so what was done is not lost.
 */
void grove_pace(void);

/* The running task, NULL outside of one. */
struct grove_task *grove_current(void);

/* The name it was spawned with. Borrowed while the task lives. */
const char *grove_task_name(const struct grove_task *task);

/* Rename it, for instance when it has learned which peer it serves. The text is copied. */
void grove_task_set_name(struct grove_task *task, const char *name);

/* Unique in the process, never 0, never used again. */
uint64_t grove_task_id(const struct grove_task *task);

/* The nursery that waits for it, and the task that opened that one; NULL for the first task. */
struct grove_nursery *grove_task_nursery(const struct grove_task *task);
struct grove_task *grove_task_parent(const struct grove_task *task);

/*
 * From now on the running task answers call `call` of the connection `fd`, which a reader outside
 * then can follow from the one who waits for the answer. fd -1: none any more.
 */
void grove_task_serves(int fd, int64_t call);

/* A pointer of the program's own on a task, inherited by the tasks it spawns. NULL at first. */
void grove_task_set_user(struct grove_task *task, void *user);
void *grove_task_user(const struct grove_task *task);

/* What `task` waits for; kind SNAG_RT_WAIT_NONE when it is runnable. Borrowed. */
const struct grove_wait *grove_task_wait(const struct grove_task *task);

/* The word for a wait kind: "event", "lock", ... Static. */
const char *grove_wait_name(uint32_t kind);
