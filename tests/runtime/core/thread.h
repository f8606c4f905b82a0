/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.h - blocking work in a worker thread, while the loop goes on.
 *
 * Workers are kept for the next job for a while. A worker never runs a loop and has no current
 * task; it reaches the loop through grove_token_post() only.
 *
 *	rc = grove_to_thread("getaddrinfo", resolve, &query, NULL, &err);
 */
#pragma once

#include "runtime/core/base.h"

/* At most `limit` jobs at once among those started with this limiter; waiting is FIFO. */
struct grove_limiter {
	size_t limit;
	size_t used;
	size_t waiting;
	struct grove_list waiters;
	char name[GROVE_NAME_SIZE];
};

/* A limiter for one loop; `limit` 0: 40, as in trio. */
void grove_limiter_init(struct grove_limiter *limiter, const char *name, size_t limit);

/* The work: runs in the worker; returns 0 or -errno, with the line in `err`. */
typedef int grove_thread_fn(void *arg, struct grove_error *err);

struct grove_thread_opts {
	struct grove_limiter *limiter; /* NULL: the loop's own */
	bool abandon;		       /* a cancel leaves the thread to itself, see below */
	void (*free_arg)(void *);      /* called with `arg` once, when nobody needs it any more */
};

/*
 * Run fn(arg) in a worker and wait for it: gives what it returned. `opts` may be NULL.
 * Cancelled before it began: -ECANCELED. Cancelled while it runs: without `abandon` the call
 * waits on (the thread cannot be stopped) and gives the result of fn; with `abandon` it gives
 * -ECANCELED at once, the thread runs on, and its result is thrown away.
 * opts->free_arg is called once in every case, also when the job never began: at the latest before
 * the call returns, or for an abandoned job at its end (in the loop's thread, or in the worker
 * when the loop is gone by then). NULL: `arg` is the caller's, who then must not abandon.
 * -EAGAIN: no thread could be made. A limiter of abandoned jobs lives as long as the loop.
 */
int grove_to_thread(const char *name, grove_thread_fn *fn, void *arg,
		    const struct grove_thread_opts *opts, struct grove_error *err);

struct grove_thread_stats {
	size_t running; /* workers with a job, abandoned ones included */
	size_t idle;
	size_t abandoned; /* running on for nobody */
};

/* How many workers this process has. */
void grove_thread_stats(struct grove_thread_stats *stats);

/*
 * End the idle workers and join them. Those with a job are not touched; returns how many there
 * are. grove_run() does this at its end.
 */
size_t grove_threads_drain(void);
