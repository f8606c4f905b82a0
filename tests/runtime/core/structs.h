/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * structs.h - the structures of core/. Included by core/ only; the runtime descriptor publishes
 * their offsets.
 */
#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "runtime/core/base.h"
#include "runtime/core/coro.h"
#include "runtime/core/errors.h"
#include "runtime/core/loop.h"
#include "runtime/core/nursery.h"
#include "runtime/core/scope.h"
#include "runtime/core/task.h"
#include "runtime/core/thread.h"
#include "runtime/core/timer.h"

struct grove_starting;

struct grove_task {
	struct grove_list link;	      /* loop->tasks */
	struct grove_list siblings;   /* nursery->children */
	struct grove_list run_link;   /* loop->runnable */
	struct grove_list scope_link; /* scope->tasks */
	struct grove_list nurseries;  /* open ones, innermost last */
	struct grove_loop *loop;
	struct grove_nursery *nursery; /* NULL: the first task */
	struct grove_scope *scope;     /* innermost, NULL: none */
	uint64_t id;
	uint32_t state;			     /* enum snag_rt_state */
	uint32_t fast_calls;		     /* since it last let the others run */
	bool requested, shielded, delivered; /* copies of what its scope says, for readers */
	bool ever_delivered;
	uint64_t delivered_seq; /* the cancel that was last logged */
	char name[GROVE_NAME_SIZE];
	int32_t serves_fd; /* the call that it answers; -1: none */
	int64_t serves_call;
	struct grove_wait wait;
	grove_abort_fn *abort; /* of the present park; NULL: not to be cancelled */
	void *abort_arg;
	int park_rc;
	struct grove_coro coro;
	struct grove_timer timer; /* of its sleep */
	grove_task_fn *fn;
	void *arg;
	void *user;
	struct grove_starting *starting; /* made by grove_start() and not started yet */
	bool made_by_start;
	int rc;
	struct grove_error err;
};

/* A task in a queue; lives on the stack of the task while it is parked. */
struct grove_waiter {
	struct grove_list link;
	struct grove_task *task;
	size_t *count; /* the queue's count of waiters */
	void *item;    /* of a channel */
	const void *end;
};

/* The socket pair. See loop.h. */
struct grove_wake {
	int read_fd;
	atomic_int write_fd;
	atomic_uint_fast64_t full;
	uint64_t reopened;
};

struct grove_watch; /* io.c */

struct grove_loop {
	struct grove_list link; /* all loops of the process, descriptor.c */
	atomic_uint generation; /* odd: runs tasks; even: all of them rest */
	int32_t tid;
	char name[GROVE_NAME_SIZE];
	struct grove_task *current;
	struct grove_list tasks;
	struct grove_list runnable;
	uint64_t cancel_seq;
	uint64_t turns;
	uint64_t shuffle;
	struct grove_stacks *stacks;
	int epoll_fd;
	struct grove_wake wake;
	atomic_uint_fast64_t signals_pending; /* bit n-1: signal n */
	uint64_t signals_told;		      /* the same, as bytes said */
	struct grove_list signals;	      /* subscriptions */
	struct grove_signals *sigint;
	const struct grove_run_opts *opts;
	struct grove_turn turn; /* enter NULL: none */
	bool in_turn;		/* entered */
	struct grove_timer **timers;
	size_t timer_count, timer_space;
	uint64_t timer_seq;
	struct grove_watch *watches; /* by descriptor */
	size_t watch_count;
	struct grove_limiter limiter;
	struct grove_token *token;
	struct grove_nursery *system;
	struct grove_scope *main_scope;
	void *user;
	struct grove_defects defects;
};

/* What the ends of a channel share. */
struct grove_pipe {
	void **ring;
	size_t first, used, capacity;
	size_t senders, receivers;
	size_t waiting_senders, waiting_receivers;
	struct grove_list sending, receiving;
	void (*drop)(void *);
	char name[GROVE_NAME_SIZE];
};

/* One call of grove_to_thread(); the worker's until it is posted back, the loop's then. */
struct grove_job {
	struct grove_list link;
	struct grove_token *token;
	grove_thread_fn *fn;
	void *arg;
	void (*free_arg)(void *);
	struct grove_limiter *limiter;
	struct grove_task *task; /* who waits; NULL: abandoned. Of the loop's thread only */
	atomic_bool abandoned;	 /* the same for everybody */
	atomic_int tid;		 /* of the worker, 0: not begun */
	char name[16];
	int rc;
	struct grove_error err;
};
