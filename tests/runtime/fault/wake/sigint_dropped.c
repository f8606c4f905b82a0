/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sigint_dropped.c - a SIGINT that comes while the wakeup pair is full is lost.
 *
 * Workers that were abandoned report to the loop and hold a lock while they do; the loop waits for
 * that lock, so it takes nothing out of the pair. Each report is a byte, and so is a signal: when
 * the pair is full the signal's byte is dropped, and the loop believes the bytes only.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/core/thread.h"
#include "runtime/fault/faults.h"

/* Shared by the loop and the worker, which may outlive it: never freed. */
struct report {
	struct grove_loop *loop;
	struct grove_token *token;
	pthread_mutex_t lock;
	atomic_bool held; /* the worker has the lock */
	atomic_bool go;	  /* the loop takes nothing out of the pair from now on */
	atomic_bool full; /* and the pair is full */
};

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	struct grove_defects *defects = grove_loop_defects(grove_loop_current());

	(void)actor;
	(void)err;
	defects->post_always_tells = true; /* as many loops do; no defect by itself */
	defects->signal_bytes_only = !off;
	return 0;
}

static void note(void *unused)
{
	(void)unused;
}

static uint64_t times_full(const struct report *report)
{
	struct grove_wake_stats stats;

	grove_wake_stats(report->loop, &stats);
	return stats.full;
}

/* In the worker: report until the pair takes no more, and go on until somebody else, the handler of
 * a signal, has found it full as well. */
static int work(void *arg, struct grove_error *unused)
{
	struct report *report = arg;
	uint64_t before, mine;
	int rc = 0;

	(void)unused;
	pthread_mutex_lock(&report->lock);
	atomic_store(&report->held, true);
	while (!atomic_load(&report->go))
		usleep(1000);
	before = times_full(report);
	while (rc == 0 && times_full(report) == before)
		rc = grove_token_post(report->token, note, NULL);
	mine = times_full(report);
	atomic_store(&report->full, true);
	while (rc == 0 && times_full(report) == mine)
		usleep(1000);
	pthread_mutex_unlock(&report->lock);
	return rc;
}

static void free_report(void *arg)
{
	struct report *report = arg;

	grove_token_unref(report->token);
	pthread_mutex_destroy(&report->lock);
	free(report);
}

/* The task that waits for the worker; its cancel abandons that. */
static int await_report(void *report, struct grove_error *err)
{
	static const struct grove_thread_opts opts = { .abandon = true, .free_arg = free_report };

	return grove_to_thread("report", work, report, &opts, err);
}

/* The worker is at it, and nobody waits for it any more. */
static int abandon(struct report *report, struct grove_error *err)
{
	struct grove_nursery nursery;
	int rc = 0;

	grove_nursery_open(&nursery, "report");
	grove_spawn(&nursery, "report", await_report, report);
	while (rc == 0 && !atomic_load(&report->held))
		rc = grove_sleep(GROVE_MS);
	grove_nursery_cancel(&nursery, "it may take long");
	return grove_nursery_exit(&nursery, rc, err);
}

/* An idle worker has a timeout; see tree.c. */
static int end_workers(void)
{
	struct grove_thread_stats stats;
	int rc = 0;

	for (grove_thread_stats(&stats); rc == 0 && stats.running; grove_thread_stats(&stats))
		rc = grove_sleep(GROVE_MS);
	(void)grove_threads_drain();
	return rc;
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	struct report *report;
	int rc;

	if (place->level != 0)
		return 0;
	report = grove_alloc(1, sizeof(*report));
	report->loop = grove_loop_current();
	report->token = grove_loop_token();
	pthread_mutex_init(&report->lock, NULL);
	rc = abandon(report, err);
	if (rc < 0)
		return rc;
	atomic_store(&report->go, true);
	while (!atomic_load(&report->full))
		usleep(1000); /* in the loop's thread: this is what starves it */
	grove_fault_trap();
	pthread_mutex_lock(&report->lock);
	pthread_mutex_unlock(&report->lock);
	rc = end_workers();
	grove_fault_culprit(getpid(), "SIGINT", -1);
	grove_fault_hangs();
	return rc;
}

const struct grove_fault grove_fault_sigint_dropped = {
	.name = "sigint-dropped",
	.text = "SIGINT dropped: abandoned threads starve the loop, and its wakeup pair is full",
	.depth = 1,
	.breadth = 1,
	.trigger = GROVE_TRIGGER_ROOT,
	.traps = 1,
	.hangs = 1,
	.off_code = GROVE_FAULT_SIGINT,
	.arm = arm,
	.node = node,
};
