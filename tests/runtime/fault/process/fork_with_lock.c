/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fork_with_lock.c - a fork while another thread holds a lock of a library: in the child the lock
 * is taken, and the thread that would release it does not exist.
 *
 * The library counts actors under a mutex. Without the defect it says so to pthread_atfork(3), and
 * a fork waits until the lock is free; pthread_atfork in the child makes it free there.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "runtime/core/io.h"
#include "runtime/core/nursery.h"
#include "runtime/core/thread.h"
#include "runtime/fault/parts.h"

/* ---- the library ----------------------------------------------------------------------------- */

static struct library {
	pthread_mutex_t lock;
	unsigned actors;
	sem_t taken, forked; /* the long work under the lock has begun, and may end */
} library = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* What the library does in a thread of the one who forks; ends when somebody forks. */
static int work_with_lock(void *unused, struct grove_error *err)
{
	(void)unused;
	(void)err;
	pthread_mutex_lock(&library.lock);
	sem_post(&library.taken);
	while (sem_wait(&library.forked) < 0)
		;
	pthread_mutex_unlock(&library.lock);
	return 0;
}

static void before_fork(void)
{
	sem_post(&library.forked);
	pthread_mutex_lock(&library.lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&library.lock);
}

static void note_fork(void)
{
	sem_post(&library.forked);
}

/* ---- the part -------------------------------------------------------------------------------- */

/* Only the actor that is made while the lock is taken needs the library. */
static const char late[] = "late";

static int arm(struct grove_actor *actor, bool off, struct grove_error *err)
{
	(void)off;
	(void)err;
	if (strcmp(grove_actor_uid(actor)->name, late) != 0)
		return 0;
	grove_fault_waits("mutex", -1, 0);
	grove_fault_culprit_lock(&library.lock);
	grove_fault_hangs();
	pthread_mutex_lock(&library.lock);
	library.actors++;
	pthread_mutex_unlock(&library.lock);
	return 0;
}

static int start_late(void *arg, struct grove_error *err)
{
	struct grove_fault_place *place = arg;
	struct grove_start_opts opts = { .name = late, .timeout_ns = GROVE_NEVER };
	struct grove_portal *portal;
	int rc = 0;

	while (rc == 0 && sem_trywait(&library.taken) < 0)
		rc = grove_sleep(GROVE_MS);
	if (rc == 0)
		rc = grove_actors_start(place->actors, &opts, &portal, err);
	sem_post(&library.forked); /* or nobody forked at all */
	return rc;
}

/* When the threads of the parent have done their work and ended, nothing but the child is left. */
static int await_quiet(void *unused, struct grove_error *err)
{
	struct grove_thread_stats stats;
	int rc;

	(void)unused;
	(void)err;
	do {
		rc = grove_sleep(GROVE_MS);
		grove_thread_stats(&stats);
	} while (rc == 0 && stats.running > 0);
	if (rc < 0)
		return rc;
	(void)grove_threads_drain();
	grove_fault_hangs();
	return 0;
}

static int node(struct grove_fault_place *place, struct grove_error *err)
{
	struct grove_nursery nursery;
	int code, rc;

	sem_init(&library.taken, 0, 0);
	sem_init(&library.forked, 0, 0);
	code = place->off ? pthread_atfork(before_fork, after_fork, after_fork) :
			    pthread_atfork(NULL, note_fork, NULL);
	if (code != 0)
		return grove_error_set(err, -code, "pthread_atfork: %s", strerror(code));
	grove_nursery_open(&nursery, "late");
	grove_spawn(&nursery, "start", start_late, place);
	rc = grove_to_thread("library", work_with_lock, NULL, NULL, err);
	if (rc == 0)
		grove_spawn(&nursery, "quiet", await_quiet, NULL);
	rc = grove_nursery_exit(&nursery, rc, err);
	if (rc == 0)
		rc = grove_context_close(grove_steal(place->contexts[0]), 0, NULL, err);
	return rc < 0 ? rc : GROVE_FAULT_DONE;
}

static const char *refuses(const struct grove_backend *backend)
{
	return strcmp(backend->name, "subint_forkserver") == 0 ?
		       NULL :
		       "it forks no process that has other threads";
}

const struct grove_fault grove_fault_fork_with_lock = {
	.name = "fork-with-lock",
	.text = "a fork while another thread holds a lock",
	.refuses = refuses,
	.depth = 1,
	.breadth = 1,
	.hangs = 2,
	.arm = arm,
	.leaf = grove_fault_ends,
	.node = node,
};
