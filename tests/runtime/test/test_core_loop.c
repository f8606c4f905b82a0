/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_core_loop.c - what reaches a loop from outside: signals, threads, forks, a broken pair.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "runtime/core/event.h"
#include "runtime/core/io.h"
#include "runtime/core/loop.h"
#include "runtime/core/thread.h"
#include "runtime/test/help_core.h"

TestSuite(core_loop, .init = help_begin, .fini = help_end);

/* ---- signals -----------------------------------------------------------------------------------
 */

static int next_signals(void *arg, struct grove_error *err)
{
	static const int list[] = { SIGUSR1, SIGUSR2, 0 };
	struct grove_signals *signals = NULL, *second = NULL;
	struct grove_scope scope;

	(void)arg;
	cr_assert_eq(grove_signals_open(list, &signals, err), 0);
	cr_assert_eq(grove_signals_open(list, &second, err), -EBUSY);
	grove_error_clear(err);
	kill(getpid(), SIGUSR2);
	cr_assert_eq(grove_signals_next(signals), SIGUSR2);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	cr_assert_eq(grove_signals_next(signals), SIGUSR1);
	grove_move_on_after(&scope, 2 * GROVE_MS);
	cr_assert_eq(grove_scope_exit(&scope, grove_signals_next(signals), err), 0);
	cr_assert(scope.caught);
	grove_signals_close(signals);
	return 0;
}

Test(core_loop, signals)
{
	struct sigaction action;

	signal(SIGUSR1, SIG_IGN);
	cr_assert_eq(core_run(next_signals, NULL), 0);
	sigaction(SIGUSR1, NULL, &action);
	cr_assert_eq(action.sa_handler, SIG_IGN);
}

static int interrupt(void *arg, struct grove_error *err)
{
	(void)err;
	kill(getpid(), SIGINT);
	int rc = grove_sleep_forever();

	*(bool *)arg = true;
	return rc;
}

Test(core_loop, sigint_cancels_main)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	const struct grove_run_opts opts = { .sigint = GROVE_SIGINT_CANCEL };
	bool cleaned_up = false;

	cr_assert_eq(grove_run(interrupt, &cleaned_up, &opts, &err), -EINTR);
	cr_assert(cleaned_up);
	core_clean();
}

static void set_event(void *arg)
{
	grove_event_set(arg);
}

/* Run fn(event) in a loop whose SIGINT sets the event. Whether it did. */
static bool run_with_sigint(grove_task_fn *fn)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	struct grove_event event;
	const struct grove_run_opts opts = { .sigint = GROVE_SIGINT_HOOK,
					     .on_sigint = set_event,
					     .sigint_arg = &event };

	grove_event_init(&event, "sigint");
	cr_assert_eq(grove_run(fn, &event, &opts, &err), 0, "%s", err.text);
	core_clean();
	return grove_event_is_set(&event);
}

static int sigint_full_pair(void *arg, struct grove_error *err)
{
	struct grove_loop *loop = grove_loop_current();
	struct grove_wake_stats stats;
	char bytes[4096] = { 0 };

	(void)err;
	grove_wake_stats(loop, &stats);
	while (send(stats.write_fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 ||
	       send(stats.write_fd, bytes, 1, MSG_DONTWAIT) > 0) {
	}
	kill(getpid(), SIGINT);
	grove_wake_stats(loop, &stats);
	cr_assert_eq(stats.full, 1);
	return grove_event_wait(arg);
}

Test(core_loop, sigint_with_a_full_pair)
{
	cr_assert(run_with_sigint(sigint_full_pair));
}

static int lose_signal(void *arg, struct grove_error *err)
{
	struct grove_scope scope;

	grove_loop_defects(grove_loop_current())->signal_bytes_only = true;
	grove_move_on_after(&scope, 20 * GROVE_MS);
	int rc = grove_scope_exit(&scope, sigint_full_pair(arg, err), err);

	cr_assert(scope.caught);
	return rc;
}

Test(core_loop, the_defect_loses_it)
{
	cr_assert_not(run_with_sigint(lose_signal));
}

static int pair_closed(void *arg, struct grove_error *err)
{
	struct grove_loop *loop = grove_loop_current();
	struct grove_wake_stats before, after;

	(void)err;
	grove_wake_stats(loop, &before);
	close(before.write_fd);
	cr_assert_eq(grove_sleep(5 * GROVE_MS), 0);
	grove_wake_stats(loop, &after);
	cr_assert_eq(after.reopened, 1);
	cr_assert_lt(after.turns - before.turns, 10);
	kill(getpid(), SIGINT);
	return grove_event_wait(arg);
}

Test(core_loop, pair_whose_peer_was_closed)
{
	cr_assert(run_with_sigint(pair_closed));
}

/* ---- posting -----------------------------------------------------------------------------------
 */

enum { POSTERS = 4, POSTS = 2000 };

struct posts {
	struct grove_token *token;
	struct grove_event all;
	int count;
};

static void count_post(void *arg)
{
	struct posts *posts = arg;

	if (++posts->count == POSTERS * POSTS)
		grove_event_set(&posts->all);
}

static void *post_many(void *arg)
{
	struct posts *posts = arg;

	for (int i = 0; i < POSTS; i++)
		cr_assert_eq(grove_token_post(posts->token, count_post, posts), 0);
	return NULL;
}

static int receive_posts(void *arg, struct grove_error *err)
{
	struct posts *posts = arg;
	pthread_t threads[POSTERS];

	(void)err;
	posts->token = grove_loop_token();
	grove_event_init(&posts->all, "all");
	for (int i = 0; i < POSTERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, post_many, posts), 0);
	int rc = grove_event_wait(&posts->all);

	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	return rc;
}

Test(core_loop, posts_from_threads)
{
	struct posts posts = { .count = 0 };

	cr_assert_eq(core_run(receive_posts, &posts), 0);
	cr_assert_eq(posts.count, POSTERS * POSTS);
	cr_assert_eq(grove_token_post(posts.token, count_post, &posts), -ESHUTDOWN);
	grove_token_unref(posts.token);
}

/* ---- worker threads ----------------------------------------------------------------------------
 */

static int read_byte(void *arg, struct grove_error *err)
{
	char byte;

	if (read(*(int *)arg, &byte, 1) == 1)
		return byte;
	return grove_error_set(err, -EIO, "no byte");
}

struct cancel_in_thread {
	struct grove_scope scope;
	int fd;
};

static int cancel_then_write(void *arg, struct grove_error *err)
{
	struct cancel_in_thread *c = arg;
	struct grove_thread_stats stats = { .running = 0 };

	(void)err;
	while (stats.running == 0) {
		cr_assert_eq(grove_sleep(GROVE_MS), 0);
		grove_thread_stats(&stats);
	}
	grove_scope_cancel(&c->scope, GROVE_CANCEL_CALL, "", "");
	cr_assert_eq(write(c->fd, "B", 1), 1);
	return 0;
}

/* Not to be stopped: the result comes, later than the cancel. */
static void cancel_a_running_thread(int *pair, struct grove_error *err)
{
	struct cancel_in_thread c = { .fd = pair[0] };
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	grove_spawn(&nursery, "cancels", cancel_then_write, &c);
	grove_scope_enter(&c.scope, "s", GROVE_NEVER);
	cr_assert_eq(grove_to_thread("read", read_byte, &pair[1], NULL, err), 'B');
	cr_assert_eq(grove_check(), -ECANCELED);
	cr_assert_eq(grove_scope_exit(&c.scope, 0, err), 0);
	cr_assert_eq(grove_nursery_exit(&nursery, 0, err), 0);
}

static int work(void *arg, struct grove_error *err)
{
	struct grove_thread_opts abandon = { .abandon = true, .free_arg = free };
	struct grove_thread_stats stats;
	struct grove_scope scope;
	int pair[2];

	(void)arg;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(write(pair[0], "A", 1), 1);
	cr_assert_eq(grove_to_thread("read", read_byte, &pair[1], NULL, err), 'A');

	cancel_a_running_thread(pair, err);

	/* Abandoned: the thread goes on alone. */
	int *fd = grove_alloc(1, sizeof(*fd));

	*fd = pair[1];
	grove_move_on_after(&scope, 100 * GROVE_MS);
	int rc = grove_to_thread("read", read_byte, fd, &abandon, err);
	cr_assert_eq(rc, -ECANCELED);
	cr_assert_eq(grove_scope_exit(&scope, rc, err), 0);
	grove_thread_stats(&stats);
	cr_assert_eq(stats.abandoned, 1);
	close(pair[0]);
	while (stats.abandoned > 0) {
		cr_assert_eq(grove_sleep(GROVE_MS), 0);
		grove_thread_stats(&stats);
	}
	cr_assert_eq(grove_to_thread("read", read_byte, &pair[1], NULL, err), -EIO);
	cr_assert_str_eq(err->text, "no byte");
	close(pair[1]);
	return 0;
}

Test(core_loop, worker_threads)
{
	cr_assert_eq(core_run(work, NULL), 0);
}

struct left {
	int pair[2];
	atomic_bool freed;
};

static struct left left;

static void note_free(void *arg)
{
	atomic_store(&((struct left *)arg)->freed, true);
}

static int read_left(void *arg, struct grove_error *err)
{
	struct left *l = arg;

	return read_byte(&l->pair[1], err);
}

static int leave_thread(void *arg, struct grove_error *err)
{
	struct grove_thread_opts opts = { .abandon = true, .free_arg = note_free };
	struct grove_scope scope;

	grove_move_on_after(&scope, 100 * GROVE_MS);
	return grove_scope_exit(&scope, grove_to_thread("left", read_left, arg, &opts, err), err);
}

Test(core_loop, loop_ends_before_an_abandoned_thread)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, left.pair), 0);
	cr_assert_eq(grove_run(leave_thread, &left, NULL, NULL), 0);
	cr_assert_eq(grove_threads_drain(), 1);
	cr_assert_not(atomic_load(&left.freed));
	close(left.pair[0]);
	while (grove_threads_drain() > 0)
		usleep(1000);
	cr_assert(atomic_load(&left.freed));
	close(left.pair[1]);
	core_clean();
}

static int count_thread(void *arg, struct grove_error *err)
{
	atomic_int *now = arg;

	(void)err;
	cr_assert_leq(atomic_fetch_add(now, 1), 1);
	usleep(500);
	atomic_fetch_sub(now, 1);
	return 0;
}

struct limited {
	struct grove_limiter limiter;
	atomic_int now;
};

static int one_limited(void *arg, struct grove_error *err)
{
	struct limited *l = arg;
	struct grove_thread_opts opts = { .limiter = &l->limiter };

	return grove_to_thread("limited", count_thread, &l->now, &opts, err);
}

static int all_limited(void *arg, struct grove_error *err)
{
	struct grove_nursery nursery;

	grove_nursery_open(&nursery, "n");
	for (int i = 0; i < 20; i++)
		grove_spawn(&nursery, "t", one_limited, arg);
	return grove_nursery_exit(&nursery, 0, err);
}

Test(core_loop, limiter)
{
	struct limited l;

	atomic_init(&l.now, 0);
	grove_limiter_init(&l.limiter, "two", 2);
	cr_assert_eq(core_run(all_limited, &l), 0);
	cr_assert_eq(l.limiter.used, 0);
}

/* ---- several loops, forks ----------------------------------------------------------------------
 */

static int sleep_a_little(void *arg, struct grove_error *err)
{
	(void)arg;
	(void)err;
	for (int i = 0; i < 20; i++) {
		int rc = grove_sleep(GROVE_MS / 4);

		if (rc < 0)
			return rc;
	}
	return 0;
}

static void *run_loop(void *arg)
{
	struct grove_run_opts opts = { .name = arg };

	cr_assert_eq(grove_run(sleep_a_little, NULL, &opts, NULL), 0);
	return NULL;
}

Test(core_loop, one_loop_in_each_thread)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, run_loop, "other"), 0);
	cr_assert_eq(grove_run(sleep_a_little, NULL, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	core_clean();
}

/* A lock around the turns of loops, and what they do under it. */
struct turns {
	pthread_mutex_t mutex;
	int held; /* under the mutex: 0 or 1 */
	int entered;
	int others; /* found it taken from them between two checkpoints */
};

static void turns_enter(void *arg)
{
	struct turns *turns = arg;

	pthread_mutex_lock(&turns->mutex);
	turns->held++;
	turns->entered++;
}

static void turns_leave(void *arg)
{
	struct turns *turns = arg;

	turns->held--;
	pthread_mutex_unlock(&turns->mutex);
}

static struct grove_turn turn_under(struct turns *turns)
{
	return (struct grove_turn){ .enter = turns_enter, .leave = turns_leave, .arg = turns };
}

static int work_in_turns(void *arg, struct grove_error *err)
{
	struct turns *turns = arg;
	const struct grove_turn turn = turn_under(turns);

	(void)err;
	/* nothing happens where the loop began with it */
	grove_loop_set_turn(grove_loop_current(), &turn);
	while (!grove_loop_in_turn(grove_loop_current()))
		grove_yield();
	for (int i = 0; i < 50; i++) {
		int entered = turns->entered;

		cr_assert_eq(turns->held, 1);
		usleep(20);
		turns->others += turns->entered != entered;
		cr_assert_eq(grove_sleep(GROVE_MS / 20), 0);
		cr_assert_gt(turns->entered, entered, "it let go while it slept");
	}
	return 0;
}

static void *run_turns(void *arg)
{
	const struct grove_turn turn = turn_under(arg);
	const struct grove_run_opts opts = { .name = "turns", .turn = &turn };

	cr_assert_eq(grove_run(work_in_turns, arg, &opts, NULL), 0);
	return NULL;
}

Test(core_loop, loops_that_take_turns)
{
	struct turns turns = { .mutex = PTHREAD_MUTEX_INITIALIZER };
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, run_turns, &turns), 0);
	cr_assert_eq(grove_run(work_in_turns, &turns, NULL, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(turns.held, 0);
	cr_assert_eq(turns.others, 0);
	core_clean();
}

/* As the fork server of interpreters does: a worker that never ran the loop. */
static int fork_in_worker(void *arg, struct grove_error *err)
{
	(void)arg;
	(void)err;
	pid_t child = grove_fork();

	if (child == 0)
		_exit(grove_run(sleep_a_little, NULL, NULL, NULL) == 0 ? 42 : 1);
	return child;
}

static int fork_and_wait(void *arg, struct grove_error *err)
{
	static const int list[] = { SIGUSR1, 0 };
	struct grove_signals *signals = NULL;
	int status;

	(void)arg;
	cr_assert_eq(grove_signals_open(list, &signals, err), 0);
	for (int i = 0; i < 5; i++) {
		pid_t child = grove_to_thread("forks", fork_in_worker, NULL, NULL, err);

		cr_assert_gt(child, 0);
		_grove_close_io_ int pidfd = grove_pidfd_open(child);

		/* valgrind 3.19 has no pidfd_open(2). */
		if (pidfd != -ENOSYS)
			cr_assert_eq(grove_wait_pidfd(pidfd, child), 0);
		cr_assert_eq(waitpid(child, &status, 0), child);
		cr_assert(WIFEXITED(status), "signal %d", WTERMSIG(status));
		cr_assert_eq(WEXITSTATUS(status), 42);
	}
	grove_signals_close(signals);
	return 0;
}

Test(core_loop, loop_in_a_fork_of_a_worker)
{
	cr_assert_eq(core_run(fork_and_wait, NULL), 0);
}
