/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.c - worker threads of the process, shared by its loops.
 *
 * A job belongs to the worker until the worker has posted it back, and to the loop after that; when
 * the loop is gone by then, the worker ends it. Each submitted job has a worker of its own, idle or
 * new, so a job never waits behind an abandoned one.
 */
#include "runtime/core/thread.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "runtime/core/inside.h"

enum {
	IDLE_SECONDS = 10,
	LIMIT = 40, /* as trio's */
};

/* In one of the two lists of the pool; when it has ended, somebody else has to join it. */
struct worker {
	struct grove_list link;
	pthread_t thread;
	struct grove_job *job; /* abandoned, it has no other owner */
};

static struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;  /* a job was queued, or the idle ones shall end */
	pthread_cond_t ended; /* one that was idle is not any more */
	struct grove_list jobs;
	size_t idle;	 /* waiting for `work` */
	size_t promised; /* of these, how many will find a job */
	size_t starting; /* made, and not yet here: another one may have taken its job */
	size_t running;
	size_t finishing; /* done with the job, not done with giving it back */
	size_t draining;
	struct grove_list workers;
	struct grove_list dead;
} pool = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.work = PTHREAD_COND_INITIALIZER,
	.ended = PTHREAD_COND_INITIALIZER,
	.jobs = { &pool.jobs, &pool.jobs },
	.workers = { &pool.workers, &pool.workers },
	.dead = { &pool.dead, &pool.dead },
};
static atomic_size_t abandoned_count;

/* ---- in the worker -----------------------------------------------------------------------------
 */

static void job_free(struct grove_job *job)
{
	if (atomic_load(&job->abandoned))
		atomic_fetch_sub(&abandoned_count, 1);
	if (job->free_arg)
		job->free_arg(job->arg);
	grove_error_clear(&job->err);
	grove_token_unref(job->token);
	free(job);
}

/* In the loop's thread: whoever waits for the job gets it, or nobody does. */
static void job_back(void *arg)
{
	struct grove_job *job = arg;

	grove_limiter_leave(job->limiter);
	if (job->task)
		grove_unpark(job->task, 0);
	else
		job_free(job);
}

static void job_run(struct grove_job *job)
{
	atomic_store(&job->tid, gettid());
	pthread_setname_np(pthread_self(), job->name);
	job->rc = job->fn(job->arg, &job->err);
	pthread_setname_np(pthread_self(), "grove-idle");
}

static void job_give_back(struct grove_job *job)
{
	if (grove_token_post(job->token, job_back, job) < 0)
		job_free(job);
}

/* With the lock held: the next job, or NULL when this worker shall end. */
static struct grove_job *next_job(void)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += IDLE_SECONDS;
	pool.idle++;
	while (grove_list_empty(&pool.jobs) && rc != ETIMEDOUT && pool.draining == 0)
		rc = pthread_cond_timedwait(&pool.work, &pool.lock, &until);
	pool.idle--;
	if (pool.draining > 0)
		pthread_cond_broadcast(&pool.ended);
	if (grove_list_empty(&pool.jobs))
		return NULL;
	struct grove_job *job = grove_of(pool.jobs.next, struct grove_job, link);

	grove_list_del(&job->link);
	pool.promised--;
	return job;
}

static void *worker_main(void *arg)
{
	struct worker *self = arg;

	pthread_mutex_lock(&pool.lock);
	pool.starting--;
	for (self->job = next_job(); self->job; self->job = next_job()) {
		pool.running++;
		pthread_mutex_unlock(&pool.lock);
		job_run(self->job);
		pthread_mutex_lock(&pool.lock);
		pool.running--;
		pool.finishing++;
		pthread_mutex_unlock(&pool.lock);
		job_give_back(self->job);
		pthread_mutex_lock(&pool.lock);
		pool.finishing--;
	}
	grove_list_del(&self->link);
	grove_list_add(&pool.dead, &self->link);
	pthread_cond_broadcast(&pool.ended);
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

/* ---- the pool ----------------------------------------------------------------------------------
 */

/* With the lock held, take those that have ended; without it, join them. */
static void take_dead(struct grove_list *dead)
{
	grove_list_init(dead);
	grove_list_move(dead, &pool.dead);
}

static void join_dead(struct grove_list *dead)
{
	while (!grove_list_empty(dead)) {
		struct worker *worker = grove_of(dead->next, struct worker, link);

		pthread_join(worker->thread, NULL);
		grove_list_del(&worker->link);
		free(worker);
	}
}

/* With the lock held. 0, or an errno. */
static int add_worker(void)
{
	struct worker *worker = grove_alloc(1, sizeof(*worker));
	int code = pthread_create(&worker->thread, NULL, worker_main, worker);

	if (code != 0) {
		free(worker);
		return code;
	}
	grove_list_add(&pool.workers, &worker->link);
	pool.starting++;
	return 0;
}

static int submit(struct grove_job *job, struct grove_error *err)
{
	struct grove_list dead;
	int code = 0;

	pthread_mutex_lock(&pool.lock);
	take_dead(&dead);
	if (pool.idle > pool.promised && pool.draining == 0)
		pthread_cond_signal(&pool.work);
	else
		code = add_worker();
	if (code == 0) {
		pool.promised++;
		grove_list_add(&pool.jobs, &job->link);
	}
	pthread_mutex_unlock(&pool.lock);
	join_dead(&dead);
	if (code == 0)
		return 0;
	return grove_error_set(err, -code, "no thread for '%s': %s", job->name, strerror(code));
}

size_t grove_threads_drain(void)
{
	pthread_mutex_lock(&pool.lock);
	/* Those who wait end; those who come back from a job do not begin to wait. */
	pool.draining++;
	pthread_cond_broadcast(&pool.work);
	while (pool.starting > 0 || pool.idle > 0 || pool.finishing > 0)
		pthread_cond_wait(&pool.ended, &pool.lock);
	pool.draining--;
	struct grove_list dead;
	size_t running = pool.running;

	take_dead(&dead);
	pthread_mutex_unlock(&pool.lock);
	join_dead(&dead);
	return running;
}

void grove_thread_stats(struct grove_thread_stats *stats)
{
	pthread_mutex_lock(&pool.lock);
	stats->running = pool.running + pool.promised;
	stats->idle = pool.idle > pool.promised ? pool.idle - pool.promised : 0;
	pthread_mutex_unlock(&pool.lock);
	stats->abandoned = atomic_load(&abandoned_count);
}

/* ---- in the loop -------------------------------------------------------------------------------
 */

void grove_limiter_init(struct grove_limiter *limiter, const char *name, size_t limit)
{
	limiter->limit = limit ? limit : LIMIT;
	limiter->used = 0;
	limiter->waiting = 0;
	grove_list_init(&limiter->waiters);
	grove_copy_name(limiter->name, sizeof(limiter->name), name);
}

static int limiter_enter(struct grove_limiter *limiter)
{
	struct grove_waiter waiter = { 0 };

	if (limiter->used < limiter->limit) {
		limiter->used++;
		return 0;
	}
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_LIMIT, limiter, limiter->name);

	return grove_wait_in(&limiter->waiters, &limiter->waiting, &waiter, &wait);
}

/* The place goes to the next in the queue, if there is one. */
void grove_limiter_leave(struct grove_limiter *limiter)
{
	if (!grove_wake_first(&limiter->waiters, 0))
		limiter->used--;
}

static bool stop_waiting(struct grove_task *task, void *arg)
{
	struct grove_job *job = arg;

	(void)task;
	job->task = NULL;
	atomic_store(&job->abandoned, true);
	atomic_fetch_add(&abandoned_count, 1);
	return true;
}

static struct grove_job *job_new(const char *name, grove_thread_fn *fn, void *arg)
{
	struct grove_job *job = grove_alloc(1, sizeof(*job));

	job->token = grove_loop_token();
	job->fn = fn;
	job->arg = arg;
	job->task = grove_current();
	grove_copy_name(job->name, sizeof(job->name), name);
	return job;
}

/* The worker has it: wait until it is back, or for nothing more. */
static int await(struct grove_job *job, bool abandon, struct grove_error *err)
{
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_THREAD, job, job->name);
	int rc = grove_park(&wait, abandon ? stop_waiting : NULL, job);

	if (rc < 0)
		return rc;
	rc = job->rc;
	if (rc < 0)
		grove_error_move(err, &job->err);
	job_free(job);
	return rc;
}

int grove_to_thread(const char *name, grove_thread_fn *fn, void *arg,
		    const struct grove_thread_opts *opts, struct grove_error *err)
{
	static const struct grove_thread_opts none = { 0 };

	if (!opts)
		opts = &none;
	struct grove_limiter *limiter = opts->limiter ? opts->limiter : grove_loop_limiter();
	int rc = grove_check();

	if (rc == 0)
		rc = limiter_enter(limiter);
	if (rc < 0) {
		if (opts->free_arg)
			opts->free_arg(arg);
		return rc;
	}
	struct grove_job *job = job_new(name, fn, arg);

	job->limiter = limiter;
	job->free_arg = opts->free_arg;
	rc = submit(job, err);
	if (rc < 0) {
		grove_limiter_leave(limiter);
		job_free(job);
		return rc;
	}
	return await(job, opts->abandon, err);
}

/* ---- fork --------------------------------------------------------------------------------------
 */

void grove_threads_lock(void)
{
	pthread_mutex_lock(&pool.lock);
}

void grove_threads_unlock(void)
{
	pthread_mutex_unlock(&pool.lock);
}

/*
 * The jobs of the parent are done there, and what they work on is not ours to free: their workers
 * keep it. One of these may be the calling thread itself, in its job.
 */
void grove_threads_forget(void)
{
	static struct grove_list kept = { &kept, &kept };

	pthread_mutex_init(&pool.lock, NULL);
	pthread_cond_init(&pool.work, NULL);
	pthread_cond_init(&pool.ended, NULL);
	grove_list_init(&pool.jobs);
	pool.idle = 0;
	pool.promised = 0;
	pool.starting = 0;
	pool.running = 0;
	pool.finishing = 0;
	pool.draining = 0;
	grove_list_move(&kept, &pool.workers);
	while (!grove_list_empty(&pool.dead)) {
		struct worker *worker = grove_of(pool.dead.next, struct worker, link);

		grove_list_del(&worker->link);
		free(worker);
	}
	atomic_store(&abandoned_count, 0);
}
