/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mutexes of glibc, of every type. snag must name the thread that holds the one a thread waits for;
 * and where no thread will ever release it, say that.
 */
#include "lib/scenario.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct pair {
	pthread_mutex_t a, b;
	volatile bool ready; /* b is held: looked at, never waited on */
};

static bool is_ready(void *arg)
{
	return ((struct pair *)arg)->ready;
}

static const char *private_key(const void *address)
{
	return text("futex:[%d:0x%lx]", getpid(), (unsigned long)address);
}

static void init(pthread_mutex_t *m, int type, int robust, int protocol, int shared)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setrobust(&attr, robust);
	pthread_mutexattr_setprotocol(&attr, protocol);
	pthread_mutexattr_setpshared(&attr, shared);
	if (pthread_mutex_init(m, &attr))
		scenario_die("pthread_mutex_init");
	pthread_mutexattr_destroy(&attr);
}

static void lock_b_then_a(void *arg)
{
	struct pair *p = arg;

	pthread_mutex_lock(&p->b);
	p->ready = true;
	pthread_mutex_lock(&p->a);
}

/* Two threads, two mutexes, opposite order. */
static void abba(struct pair *p)
{
	pthread_mutex_lock(&p->a);
	pid_t tid = spawn_thread(lock_b_then_a, p);
	wait_until(is_ready, p, "the other thread has b");
	wait_blocked(getpid(), tid);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "mutex", private_key(&p->b), getpid());
	truth_hop(getpid(), tid, "mutex", private_key(&p->a), getpid());
	truth_culprit(getpid(), NULL);
	truth_ready();
	pthread_mutex_lock(&p->b);
}

static struct pair static_pair = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, false };

SCENARIO(mutex_abba, .what = "two threads take two mutexes in opposite order")
{
	abba(&static_pair);
}

static void abba_of(int type, int robust, int shared)
{
	struct pair *p = calloc(1, sizeof(*p));

	init(&p->a, type, robust, PTHREAD_PRIO_NONE, shared);
	init(&p->b, type, robust, PTHREAD_PRIO_NONE, shared);
	abba(p);
}

SCENARIO(mutex_abba_recursive, .what = "the same with recursive mutexes")
{
	abba_of(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
}

SCENARIO(mutex_abba_errorcheck, .what = "the same with error-checking mutexes")
{
	abba_of(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
}

SCENARIO(mutex_abba_adaptive, .what = "the same with adaptive mutexes")
{
	abba_of(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
}

SCENARIO(mutex_abba_robust, .what = "the same with robust mutexes: the owner is in the word")
{
	abba_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
}

SCENARIO(mutex_abba_shared_kind, .what = "process-shared mutexes that no other process maps")
{
	abba_of(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_SHARED);
}

SCENARIO(mutex_self, .what = "a thread locks a normal mutex twice")
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "mutex", private_key(&m), getpid());
	truth_culprit(getpid(), "self-wait|lock-order");
	truth_ready();
	pthread_mutex_lock(&m);
	pthread_mutex_lock(&m);
}

/* ---- one holder -------------------------------------------------------------------------------
 */

static void lock_b_and_hang(void *arg)
{
	struct pair *p = arg;

	pthread_mutex_lock(&p->b);
	p->ready = true;
	hang_dead(NULL);
}

SCENARIO(mutex_holder_dead, .what = "a mutex whose holder can never go on")
{
	pid_t tid = spawn_thread(lock_b_and_hang, &static_pair);

	wait_until(is_ready, &static_pair, "the other thread has b");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "mutex", private_key(&static_pair.b), getpid());
	truth_hop(getpid(), tid, "pipe-read", NULL, getpid());
	truth_says("held by thread %d", tid);
	truth_ready();
	pthread_mutex_lock(&static_pair.b);
}

static void lock_b_and_sleep(void *arg)
{
	struct pair *p = arg;

	pthread_mutex_lock(&p->b);
	p->ready = true;
	sleep(100000);
}

SCENARIO(mutex_holder_sleeps, .what = "a mutex whose holder sleeps for a day: no deadlock")
{
	pid_t tid = spawn_thread(lock_b_and_sleep, &static_pair);

	wait_until(is_ready, &static_pair, "the other thread has b");
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "mutex", private_key(&static_pair.b), getpid());
	truth_hop(getpid(), tid, "sleep", NULL, ANYBODY);
	truth_ready();
	pthread_mutex_lock(&static_pair.b);
}

SCENARIO(mutex_timed, .what = "pthread_mutex_timedlock behind a holder that can never go on")
{
	struct timespec at;

	spawn_thread(lock_b_and_hang, &static_pair);
	wait_until(is_ready, &static_pair, "the other thread has b");
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 86400;
	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "mutex", private_key(&static_pair.b), ANYBODY);
	truth_ready();
	pthread_mutex_timedlock(&static_pair.b, &at);
}

SCENARIO(mutex_pi, .what = "a priority-inheritance mutex whose holder can never go on")
{
	struct pair *p = calloc(1, sizeof(*p));

	init(&p->b, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT,
	     PTHREAD_PROCESS_PRIVATE);
	pid_t tid = spawn_thread(lock_b_and_hang, p);
	wait_until(is_ready, p, "the other thread has b");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "mutex", private_key(&p->b), getpid());
	truth_hop(getpid(), tid, "pipe-read", NULL, getpid());
	truth_ready();
	pthread_mutex_lock(&p->b);
}

/*
 * The kernel refuses the second of two crossed PI locks with EDEADLK, and glibc then parks that
 * thread for ever on a futex of its own stack (nptl/pthread_mutex_lock.c, "Delay the thread
 * indefinitely").
 */
SCENARIO(mutex_abba_pi, .what = "two threads take two PI mutexes in opposite order")
{
	struct pair *p = calloc(1, sizeof(*p));

	init(&p->a, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT,
	     PTHREAD_PROCESS_PRIVATE);
	init(&p->b, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT,
	     PTHREAD_PROCESS_PRIVATE);
	pthread_mutex_lock(&p->a);
	pid_t tid = spawn_thread(lock_b_then_a, p);
	wait_until(is_ready, p, "the other thread has b");
	wait_blocked(getpid(), tid);
	truth_verdict("deadlock", NULL);
	truth_wait(getpid(), tid, "mutex", private_key(&p->a), getpid());
	truth_blocked(getpid(), 0);
	truth_ready();
	pthread_mutex_lock(&p->b);
}

/* ---- nobody will ever release it --------------------------------------------------------------
 */

static void *lock_b_and_exit(void *arg)
{
	pthread_mutex_lock(&((struct pair *)arg)->b);
	return NULL;
}

SCENARIO(mutex_owner_gone, .what = "a mutex whose owner thread has exited")
{
	pthread_t thread;

	pthread_create(&thread, NULL, lock_b_and_exit, &static_pair);
	pthread_join(thread, NULL);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "mutex", private_key(&static_pair.b), NOBODY);
	truth_culprit(getpid(), "never-released");
	truth_finding("lock-owner-dead", getpid());
	truth_says("has exited");
	truth_ready();
	pthread_mutex_lock(&static_pair.b);
}

static void lock_b(void *arg)
{
	pthread_mutex_lock(&((struct pair *)arg)->b);
}

SCENARIO(mutex_copied_by_fork,
	 .what = "a mutex that another thread held when the process was forked")
{
	spawn_thread(lock_b_and_hang, &static_pair);
	wait_until(is_ready, &static_pair, "the other thread has b");
	pid_t child = spawn_child(lock_b, &static_pair);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "mutex", text("futex:[%d:0x%lx]", child, (unsigned long)&static_pair.b),
		  NOBODY);
	truth_culprit(child, "never-released");
	truth_finding("lock-copied-by-fork", child);
	truth_says("at the time of the fork");
	truth_ready();
	waitpid(child, NULL, 0);
}

/* ---- between processes ------------------------------------------------------------------------
 */

/* snag's key of an address in shared memory: the file and the place in it. */
static const char *shared_key(const void *address)
{
	unsigned long start, end, offset, ino, at = (unsigned long)address;
	unsigned maj, min;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %*s %lx %x:%x %lu", &start, &end, &offset, &maj, &min,
			   &ino) == 6 &&
		    at >= start && at < end) {
			fclose(maps);
			return text("futex:[%u:%u:%lu+0x%lx]", maj, min, ino, offset + at - start);
		}
	scenario_die("0x%lx is not mapped", at);
}

static struct pair *shared_pair(int robust)
{
	struct pair *p =
		mmap(NULL, sizeof(*p), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		scenario_die("mmap: %m");
	init(&p->a, PTHREAD_MUTEX_NORMAL, robust, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_SHARED);
	init(&p->b, PTHREAD_MUTEX_NORMAL, robust, PTHREAD_PRIO_NONE, PTHREAD_PROCESS_SHARED);
	return p;
}

static void abba_processes(int robust)
{
	struct pair *p = shared_pair(robust);

	pthread_mutex_lock(&p->a);
	pid_t child = spawn_child(lock_b_then_a, p);
	wait_until(is_ready, p, "the child has b");
	wait_blocked(child, 0);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "mutex", shared_key(&p->b), child);
	truth_hop(child, 0, "mutex", shared_key(&p->a), getpid());
	truth_ready();
	pthread_mutex_lock(&p->b);
}

SCENARIO(mutex_shared_abba,
	 .what = "parent and child take two mutexes in shared memory in opposite order")
{
	abba_processes(PTHREAD_MUTEX_STALLED);
}

SCENARIO(mutex_shared_abba_robust, .what = "the same with robust mutexes")
{
	abba_processes(PTHREAD_MUTEX_ROBUST);
}

static void lock_b_and_leave(void *arg)
{
	pthread_mutex_lock(&((struct pair *)arg)->b);
}

SCENARIO(mutex_shared_owner_gone, .what = "a mutex in shared memory whose owner process has exited")
{
	struct pair *p = shared_pair(PTHREAD_MUTEX_STALLED);
	pid_t child = spawn_child(lock_b_and_leave, p);

	waitpid(child, NULL, 0);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "mutex", shared_key(&p->b), NOBODY);
	truth_finding("lock-owner-dead", getpid());
	truth_ready();
	pthread_mutex_lock(&p->b);
}

/* Two pid namespaces: the word has the number that the owner sees of itself. */
SCENARIO(mutex_shared_pidns, .needs = "root,pidns",
	 .what = "a mutex in shared memory whose owner lives in a pid namespace")
{
	struct pair *p = shared_pair(PTHREAD_MUTEX_STALLED);

	must(unshare(CLONE_NEWPID));
	pid_t child = spawn_child(lock_b_and_hang, p);
	wait_until(is_ready, p, "the child has b");
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "mutex", shared_key(&p->b), child);
	truth_hop(child, 0, "pipe-read", NULL, ANYBODY);
	truth_ready();
	pthread_mutex_lock(&p->b);
}
