/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h - the scheduler of one thread: tasks, descriptors, timers, signals, wake-ups.
 *
 * One loop a thread; several threads of a process may run one each, and know nothing of each
 * other. Everything in core/ belongs to the loop of the calling thread, except what says that it
 * may be called from any thread.
 *
 *	rc = grove_run(app_main, &app, NULL, &err);
 */
#pragma once

#include "runtime/core/base.h"
#include "runtime/core/nursery.h"
#include "runtime/core/task.h"

struct grove_loop;

/* What SIGINT does while the loop runs. */
enum grove_sigint {
	GROVE_SIGINT_LEAVE = 0,	 /* the loop does not touch it */
	GROVE_SIGINT_CANCEL = 1, /* cancels the main task; grove_run() gives -EINTR */
	GROVE_SIGINT_HOOK = 2,	 /* calls opts.on_sigint in the loop, which decides */
};

/*
 * A lock around the turns of a loop, for runtimes that have one (an interpreter lock). The loop's
 * thread holds it whenever it runs tasks, and lets it go around its poll, whether it sleeps there
 * or not. Plain functions of the loop's thread; they may block and must not use the loop.
 */
struct grove_turn {
	void (*enter)(void *arg);
	void (*leave)(void *arg);
	void *arg;
};

struct grove_run_opts {
	const char *name;      /* of the loop, for instance the actor's; NULL: "main" */
	size_t stack_bytes;    /* of each task; 0: 256 KiB */
	size_t thread_limit;   /* of grove_to_thread(); 0: 40 */
	uint64_t shuffle_seed; /* not 0: runnable tasks run in a random order (for tests) */
	enum grove_sigint sigint;
	void (*on_sigint)(void *arg); /* may spawn, cancel, set events; not block */
	void *sigint_arg;
	void *user;		       /* grove_task_user() of the main task */
	const struct grove_turn *turn; /* held from the beginning to the end; NULL: none */
};

/*
 * Run fn(arg) as the first task until it and all its children are done, then the system tasks are
 * cancelled and waited for. Gives what fn gave; -EINTR when SIGINT ended it; -EBUSY when this
 * thread runs a loop already. `opts` may be NULL. Leaves no descriptor, signal handler or idle
 * worker thread behind.
 */
int grove_run(grove_task_fn *fn, void *arg, const struct grove_run_opts *opts,
	      struct grove_error *err);

/* The loop of this thread, NULL when it runs none. */
struct grove_loop *grove_loop_current(void);

/* Its name; borrowed. */
const char *grove_loop_name(const struct grove_loop *loop);

/*
 * For tasks that serve the program and end with it: cancelled when the main task is done. Their
 * failure cancels the main task and is the result of grove_run().
 */
struct grove_nursery *grove_system_nursery(void);

/* The scope around the main task and all that it does: cancel it to end the program. */
struct grove_scope *grove_main_scope(void);

/* A pointer of the program's own on the loop: the actor. */
void grove_loop_set_user(struct grove_loop *loop, void *user);
void *grove_loop_user(const struct grove_loop *loop);

/*
 * Give the running loop of this thread a lock that it did not begin with: it is entered after the
 * next poll (so whoever needs it yields), and held until the loop ends. `turn` is copied. A loop
 * keeps the first one that it has: then nothing happens.
 */
void grove_loop_set_turn(struct grove_loop *loop, const struct grove_turn *turn);

/* Whether it has one, and has entered it. */
bool grove_loop_in_turn(const struct grove_loop *loop);

/* ---- from other threads ---------------------------------------------------------------------- */

/* A counted handle of a loop that may outlive it. */
struct grove_token;

/* The token of the current loop, one more owner. */
struct grove_token *grove_loop_token(void) __attribute__((returns_nonnull));
struct grove_token *grove_token_ref(struct grove_token *token);
void grove_token_unref(struct grove_token *token);

/*
 * Have fn(arg) called in the thread of the loop, soon, in the order of posting. Any thread, not
 * from a signal handler. 0, or -ESHUTDOWN when the loop is gone: fn will never be called then.
 * What was posted with 0 is called for sure, at the latest while the loop ends.
 */
GROVE_MUST_CHECK
int grove_token_post(struct grove_token *token, void (*fn)(void *), void *arg);

/* ---- signals --------------------------------------------------------------------------------- */

/* A subscription to signals. A signal has one subscriber in the process at a time. */
struct grove_signals;

/*
 * Take over the signals of `list` (ended by 0) until the close. -EBUSY: another loop or
 * subscription has one of them; then nothing is taken.
 */
GROVE_MUST_CHECK
int grove_signals_open(const int *list, struct grove_signals **ret, struct grove_error *err);

/* Wait for the next one and give its number, or -ECANCELED. Equal pending ones are one. */
GROVE_MUST_CHECK
int grove_signals_next(struct grove_signals *signals);

/* Give the signals back to who had them before. NULL is fine. */
void grove_signals_close(struct grove_signals *signals);

/* ---- the wakeup pair ------------------------------------------------------------------------- */

/*
 * How a sleeping loop is woken by signal handlers and by other threads: a non-blocking socket
 * pair, as in CPython. A signal sets its bit and then writes its number; a post writes 0. A full
 * pair is no loss: bytes are pending, so the loop will wake, and it looks at the bits.
 */
struct grove_wake_stats {
	int read_fd, write_fd;
	uint64_t full;	   /* writes that found the pair full */
	uint64_t reopened; /* how often the pair was replaced because its peer had been closed */
	uint64_t turns;	   /* turns of the loop so far */
};
void grove_wake_stats(const struct grove_loop *loop, struct grove_wake_stats *stats);

/*
 * Defects that real event loops had. All off; fault/ switches them on. Kept here, in one place,
 * because they are decisions of the loop itself.
 */
struct grove_defects {
	bool signal_bytes_only; /* believe the bytes, not the bits: a full pair loses signals */
	bool signal_no_wake;	/* set the bit but write no byte: the loop sleeps on */
	bool post_always_tells; /* a byte for each post, not only for the first: the pair fills */
	bool wake_keep_closed;	/* keep polling the pair after its peer was closed: busy */
};
struct grove_defects *grove_loop_defects(struct grove_loop *loop);

/* ---- fork ------------------------------------------------------------------------------------ */

/*
 * fork(2), from a thread that runs no loop (or one that does, when the child only execs): holds
 * grove's own locks across it, so that the child finds none of them taken. In the child
 * grove_after_fork_child() was called already.
 */
pid_t grove_fork(void);

/*
 * In the child of a bare fork(): forget all loops, threads, signal subscriptions and the truth log
 * of the parent, close the descriptors grove had open, and allow a fresh grove_run(). The memory
 * of the parent's loops stays allocated, it is unreachable for good reasons.
 */
void grove_after_fork_child(void);
