/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h - what the files of core/ know of each other. Included by core/ only.
 */
#pragma once

#include "runtime/core/structs.h"

/* ---- loop.c: the scheduler ------------------------------------------------------------------- */

/* Set or reset the loop of this thread. */
void grove_loop_set_current(struct grove_loop *loop);

/* Put a task that waits or is new at the end of those that will run. */
void grove_make_runnable(struct grove_task *task);

/* ---- wake.c: the wakeup pair, signals, posted functions -------------------------------------- */

/* Open the pair and put it into the epoll set. 0 or -errno. */
int grove_wake_open(struct grove_loop *loop, struct grove_error *err);

/* Close the pair. Signals of the loop are given back before. */
void grove_wake_close(struct grove_loop *loop);

/* The pair is readable: take the bytes, and replace it when its peer is gone. */
void grove_wake_drain(struct grove_loop *loop);

/* Tell the subscribers which signals came. */
void grove_signals_dispatch(struct grove_loop *loop);

/* A subscription whose signals call hook(arg, signo) in the loop; see grove_signals_open(). */
int grove_signals_hook(const int *list, void (*hook)(void *arg, int signo), void *arg,
		       struct grove_signals **ret, struct grove_error *err);

/* The oldest subscription of a loop that has one. */
struct grove_signals *grove_signals_first(struct grove_loop *loop);

/* The token of a new loop, and its end: what was posted is run, later posts fail. */
struct grove_token *grove_token_new(struct grove_loop *loop);
void grove_token_shut(struct grove_token *token);

/* Run what other threads have posted. */
void grove_token_run(struct grove_token *token);

/* Before and after fork(2): all tokens of published loops are locked. */
void grove_token_lock(struct grove_token *token);
void grove_token_unlock(struct grove_token *token);

/* Nobody subscribes to signals in between. In the child: the former handlers are back. */
void grove_wake_lock(void);
void grove_wake_unlock(void);
void grove_wake_forget(void);
/* In the child: the token leads nowhere. */
void grove_token_forget(struct grove_token *token);

/* ---- io.c ------------------------------------------------------------------------------------ */

/* `fd` has these epoll events: wake who waits for them. */
void grove_io_event(struct grove_loop *loop, int fd, uint32_t events);

/* ---- scope.c --------------------------------------------------------------------------------- */

/* `task` is now directly inside `scope` (NULL: in none): keeps lists and cancel flags right. */
void grove_task_enter_scope(struct grove_task *task, struct grove_scope *scope);

/* Move a scope that stays entered below another parent; delivers what it then sees. */
void grove_scope_reparent(struct grove_scope *scope, struct grove_scope *parent);

/* Cancel without a line in the log: the reason is that of a scope further out. */
void grove_scope_follow(struct grove_scope *scope);

/* The scope whose cancel reaches `scope`, NULL: none does. */
struct grove_scope *grove_scope_cause(struct grove_scope *scope);

/* ---- task.c ---------------------------------------------------------------------------------- */

/* A task that is runnable and in no nursery yet. */
struct grove_task *grove_task_new(struct grove_loop *loop, const char *name, grove_task_fn *fn,
				  void *arg);

/* Run it until it parks or ends. */
void grove_task_run(struct grove_task *task);

/* After its end: tell its nursery, and free it. */
void grove_task_end(struct grove_task *task);

/* When `task` is parked and cancelled and can be stopped: stop it. */
void grove_task_deliver(struct grove_task *task);

/* The task has been told of its cancel: for the log, the probes and the readers. */
void grove_task_note_cancel(struct grove_task *task);

/* Park in a queue: until unparked, or cancelled and taken out of it. */
int grove_wait_in(struct grove_list *queue, size_t *count, struct grove_waiter *waiter,
		  const struct grove_wait *wait);

/* Take the first waiter of a queue out and unpark it. NULL: there was none. Its task does not run
 * before the caller is done with it. */
struct grove_waiter *grove_wake_first(struct grove_list *queue, int rc);

/* ---- nursery.c ------------------------------------------------------------------------------- */

/* A child has ended. */
void grove_nursery_child_done(struct grove_nursery *nursery, struct grove_task *task);

/* ---- thread.c, truth.c, descriptor.c: across fork, and the list of loops --------------------- */

/* The limiter of this thread's loop. */
struct grove_limiter *grove_loop_limiter(void);

/* Give a place back. */
void grove_limiter_leave(struct grove_limiter *limiter);

/* No job comes or goes in between. */
void grove_threads_lock(void);
void grove_threads_unlock(void);
/* In the child: no worker is left. */
void grove_threads_forget(void);

/* No log is opened or closed in between. */
void grove_truth_lock(void);
void grove_truth_unlock(void);
/* In the child: close the files of the parent's actors. */
void grove_truth_forget(void);

/* Show a loop to readers, or hide it. */
void grove_publish(struct grove_loop *loop);
void grove_unpublish(struct grove_loop *loop);

/* Hold all loops where they are, and their tokens, over a fork. */
void grove_published_lock(void);
void grove_published_unlock(void);
/* In the child: close the descriptors of all loops and forget them. */
void grove_published_forget(void);
