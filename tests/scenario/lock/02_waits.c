/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Condition variables, semaphores, rwlocks, barriers, once, stdio locks, joins, raw futexes. snag
 * must call each by its kind, name the owner where there is one, and every possible waker where
 * there is none.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile bool ready;

static bool is_ready(void *unused)
{
	(void)unused;
	return ready;
}

static const char *private_key(const void *address)
{
	return text("futex:[%d:0x%lx]", getpid(), (unsigned long)address);
}

static void *shared_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		scenario_die("mmap: %m");
	return p;
}

/* ---- condition variables and semaphores -------------------------------------------------------
 */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void wait_for_cond(void)
{
	pthread_mutex_lock(&mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
}

SCENARIO(condvar_dead, .what = "a condition variable that only a dead thread could signal")
{
	pid_t tid = spawn_thread(hang_dead, NULL);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "condvar", private_key(&cond), getpid());
	truth_blocked(getpid(), tid);
	truth_ready();
	wait_for_cond();
}

static void sleep_long(void *unused)
{
	(void)unused;
	sleep(100000);
}

SCENARIO(condvar_alive, .what = "a condition variable that a sleeping thread may signal")
{
	pid_t tid = spawn_thread(sleep_long, NULL);

	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "condvar", private_key(&cond), getpid());
	truth_blocked(getpid(), tid);
	truth_ready();
	wait_for_cond();
}

SCENARIO(condvar_timed, .what = "pthread_cond_timedwait for a day")
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 86400;
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "condvar", private_key(&cond), ANYBODY);
	truth_ready();
	pthread_mutex_lock(&mutex);
	pthread_cond_timedwait(&cond, &mutex, &at);
}

static sem_t sem;

SCENARIO(semaphore_unnamed, .what = "sem_wait that only a dead thread could end")
{
	pid_t tid = spawn_thread(hang_dead, NULL);

	sem_init(&sem, 0, 0);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "semaphore", private_key(&sem), getpid());
	truth_blocked(getpid(), tid);
	truth_ready();
	sem_wait(&sem);
}

SCENARIO(semaphore_timed, .what = "sem_timedwait for a day")
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 86400;
	sem_init(&sem, 0, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "semaphore", private_key(&sem), ANYBODY);
	truth_ready();
	sem_timedwait(&sem, &at);
}

SCENARIO(semaphore_shared, .what = "sem_wait in shared memory that only a dead child could end")
{
	sem_t *s = shared_memory(sizeof(*s));

	sem_init(s, 1, 0);
	pid_t child = spawn_child(hang_dead, NULL);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "semaphore", NULL, child);
	truth_blocked(child, 0);
	truth_ready();
	sem_wait(s);
}

static void open_and_hang(void *arg)
{
	if (sem_open(arg, 0) == SEM_FAILED)
		scenario_die("sem_open: %m");
	hang_dead(NULL);
}

/* The child maps the semaphore for itself, not by inheritance. */
SCENARIO(semaphore_named, .what = "a named semaphore that only a dead child could raise")
{
	static char name[64];

	snprintf(name, sizeof(name), "/snag-scenario-%d", getpid());
	sem_t *s = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	if (s == SEM_FAILED)
		scenario_die("sem_open: %m");
	pid_t child = spawn_child(open_and_hang, name);
	wait_blocked(child, 0);
	sem_unlink(name);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "semaphore", NULL, child);
	truth_ready();
	sem_wait(s);
}

/* ---- rwlocks ----------------------------------------------------------------------------------
 */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void write_and_hang(void *unused)
{
	(void)unused;
	pthread_rwlock_wrlock(&rwlock);
	ready = true;
	hang_dead(NULL);
}

static void read_and_hang(void *unused)
{
	(void)unused;
	pthread_rwlock_rdlock(&rwlock);
	ready = true;
	hang_dead(NULL);
}

SCENARIO(rwlock_reader_behind_writer, .what = "a reader behind a writer that can never go on")
{
	pid_t tid = spawn_thread(write_and_hang, NULL);

	wait_until(is_ready, NULL, "the writer has it");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "rwlock", private_key(&rwlock), getpid());
	truth_hop(getpid(), tid, "pipe-read", NULL, getpid());
	truth_says("held by thread %d", tid);
	truth_ready();
	pthread_rwlock_rdlock(&rwlock);
}

SCENARIO(rwlock_writer_behind_writer, .what = "a writer behind a writer that can never go on")
{
	pid_t tid = spawn_thread(write_and_hang, NULL);

	wait_until(is_ready, NULL, "the writer has it");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "rwlock", private_key(&rwlock), getpid());
	truth_hop(getpid(), tid, "pipe-read", NULL, getpid());
	truth_ready();
	pthread_rwlock_wrlock(&rwlock);
}

SCENARIO(rwlock_writer_behind_reader, .what = "a writer behind a reader that can never go on")
{
	pid_t tid = spawn_thread(read_and_hang, NULL);

	wait_until(is_ready, NULL, "the reader has it");
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "rwlock", private_key(&rwlock), getpid());
	truth_blocked(getpid(), tid);
	truth_says("held by 1 reader");
	truth_ready();
	pthread_rwlock_wrlock(&rwlock);
}

/* ---- barrier, once, stdio ---------------------------------------------------------------------
 */

static pthread_barrier_t barrier;

static void arrive(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&barrier);
}

SCENARIO(barrier_one_short, .what = "two of three have come to a barrier, the third never will")
{
	pthread_barrier_init(&barrier, NULL, 3);
	pid_t there = spawn_thread(arrive, NULL), away = spawn_thread(hang_dead, NULL);

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "barrier", private_key(&barrier), getpid());
	truth_wait(getpid(), there, "barrier", private_key(&barrier), getpid());
	truth_blocked(getpid(), away);
	truth_says("2 of 3 have arrived");
	truth_ready();
	pthread_barrier_wait(&barrier);
}

SCENARIO(barrier_third_sleeps, .what = "the third of three is on its way to the barrier")
{
	pthread_barrier_init(&barrier, NULL, 3);
	pid_t there = spawn_thread(arrive, NULL), away = spawn_thread(sleep_long, NULL);

	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "barrier", private_key(&barrier), getpid());
	truth_blocked(getpid(), there);
	truth_blocked(getpid(), away);
	truth_ready();
	pthread_barrier_wait(&barrier);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void never_done(void)
{
	ready = true;
	hang_dead(NULL);
}

static void run_once(void *unused)
{
	(void)unused;
	pthread_once(&once, never_done);
}

SCENARIO(once_never_done, .what = "pthread_once behind a function that never returns")
{
	pid_t tid = spawn_thread(run_once, NULL);

	wait_until(is_ready, NULL, "the function runs");
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "once", private_key(&once), getpid());
	truth_blocked(getpid(), tid);
	truth_ready();
	pthread_once(&once, never_done);
}

static void hold_file(void *file)
{
	flockfile(file);
	ready = true;
	hang_dead(NULL);
}

SCENARIO(stdio_lock, .what = "a FILE that another thread has locked and never unlocks")
{
	FILE *f = fopen("/dev/null", "we");
	pid_t tid = spawn_thread(hold_file, f);

	wait_until(is_ready, NULL, "the other thread has the FILE");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "mutex", NULL, getpid());
	truth_hop(getpid(), tid, "pipe-read", NULL, getpid());
	truth_says("stdio lock");
	truth_ready();
	fputs("x", f);
}

/* ---- joins ------------------------------------------------------------------------------------
 */

static pid_t joined;

static void *hang_dead_thread(void *unused)
{
	joined = self_tid();
	ready = true;
	hang_dead(unused);
	return NULL;
}

SCENARIO(join_dead, .what = "pthread_join of a thread that can never end")
{
	pthread_t thread;

	pthread_create(&thread, NULL, hang_dead_thread, NULL);
	wait_until(is_ready, NULL, "the thread runs");
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "thread-join", NULL, getpid());
	truth_hop(getpid(), joined, "pipe-read", NULL, getpid());
	truth_says("joining thread %d", joined);
	truth_ready();
	pthread_join(thread, NULL);
}

/* Of two threads glibc would refuse it with EDEADLK, of three it does not. */
static pthread_t ring[3];
static pid_t ring_tids[3];

static void *join_next(void *arg)
{
	long i = (long)arg;

	__atomic_store_n(&ring_tids[i], self_tid(), __ATOMIC_RELEASE);
	while (!ready)
		usleep(1000);
	pthread_join(ring[(i + 1) % 3], NULL);
	return NULL;
}

static bool ring_is_there(void *unused)
{
	(void)unused;
	return __atomic_load_n(&ring_tids[1], __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&ring_tids[2], __ATOMIC_ACQUIRE);
}

SCENARIO(join_ring, .what = "three threads join each other in a ring")
{
	ring[0] = pthread_self();
	for (long i = 1; i < 3; i++)
		pthread_create(&ring[i], NULL, join_next, (void *)i);
	wait_until(ring_is_there, NULL, "all threads run");
	ready = true;
	wait_blocked(getpid(), ring_tids[2]);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "thread-join", NULL, getpid());
	truth_hop(getpid(), ring_tids[1], "thread-join", NULL, getpid());
	truth_hop(getpid(), ring_tids[2], "thread-join", NULL, getpid());
	truth_ready();
	pthread_join(ring[1], NULL);
}

/* ---- raw futexes ------------------------------------------------------------------------------
 */

static uint32_t words[2];

SCENARIO(futex_raw, .what = "a futex that only a dead thread could wake")
{
	pid_t tid = spawn_thread(hang_dead, NULL);

	words[0] = 7777;
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "futex", private_key(&words[0]), getpid());
	truth_blocked(getpid(), tid);
	truth_ready();
	syscall(SYS_futex, &words[0], FUTEX_WAIT_PRIVATE, 7777, NULL, NULL, 0);
}

/* include/uapi/linux/futex.h of 5.16 */
struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

SCENARIO(futex_waitv, .what = "futex_waitv on two words that only a dead thread could wake")
{
	enum { NR_FUTEX_WAITV = 449, SIZE_U32 = 2, PRIVATE = 128 };
	struct waitv v[2] = {
		{ 0, (uintptr_t)&words[0], SIZE_U32 | PRIVATE, 0 },
		{ 0, (uintptr_t)&words[1], SIZE_U32 | PRIVATE, 0 },
	};
	pid_t tid = spawn_thread(hang_dead, NULL);

	truth_verdict("deadlock", NULL);
	truth_wait(getpid(), 0, "futex|semaphore", private_key(&words[0]), getpid());
	truth_wait(getpid(), 0, "futex|semaphore", private_key(&words[1]), getpid());
	truth_blocked(getpid(), tid);
	truth_ready();
	must(syscall(NR_FUTEX_WAITV, v, 2, 0, NULL, CLOCK_MONOTONIC));
}

SCENARIO(futex_wait2, .what = "futex_wait, the call of 6.7")
{
	enum { NR_FUTEX_WAIT = 455, SIZE_U32 = 2, PRIVATE = 128 };
	pid_t tid = spawn_thread(hang_dead, NULL);

	words[0] = 7777;
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "futex", private_key(&words[0]), getpid());
	truth_blocked(getpid(), tid);
	truth_ready();
	must(syscall(NR_FUTEX_WAIT, &words[0], 7777L, 0xffffffffL, SIZE_U32 | PRIVATE, NULL,
		     CLOCK_MONOTONIC));
}
