/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.c - one turn after the other: poll, take what came, run all tasks that can run.
 *
 * Tasks made runnable in a turn run in the next one, so nobody can keep the others from running,
 * and descriptors and timers are looked at between any two turns.
 */
#include "runtime/core/loop.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>

#include "runtime/core/inside.h"
#include "runtime/core/truth.h"

enum {
	EVENTS = 128, /* taken at once; what is left comes in the next turn */
	STACKS_KEPT = 64,
	THREADS = 40,
};

static _Thread_local struct grove_loop *here;

struct grove_loop *grove_loop_current(void)
{
	return here;
}

void grove_loop_set_current(struct grove_loop *loop)
{
	here = loop;
}

/* ---- timers ------------------------------------------------------------------------------------
 */

static bool earlier(const struct grove_timer *a, const struct grove_timer *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->seq < b->seq;
}

static void place(struct grove_loop *loop, struct grove_timer *timer, size_t index)
{
	loop->timers[index - 1] = timer;
	timer->index = index;
}

/* Move `timer` from the hole at `index` up or down to where it belongs. */
static void sift(struct grove_loop *loop, struct grove_timer *timer, size_t index)
{
	while (index > 1 && earlier(timer, loop->timers[index / 2 - 1])) {
		place(loop, loop->timers[index / 2 - 1], index);
		index /= 2;
	}
	for (size_t child = 2 * index; child <= loop->timer_count; child = 2 * index) {
		if (child < loop->timer_count &&
		    earlier(loop->timers[child], loop->timers[child - 1]))
			child++;
		if (!earlier(loop->timers[child - 1], timer))
			break;
		place(loop, loop->timers[child - 1], index);
		index = child;
	}
	place(loop, timer, index);
}

void grove_timer_stop(struct grove_loop *loop, struct grove_timer *timer)
{
	size_t index = timer->index;

	if (index == 0)
		return;
	struct grove_timer *last = loop->timers[--loop->timer_count];

	timer->index = 0;
	if (last != timer)
		sift(loop, last, index);
}

void grove_timer_set(struct grove_loop *loop, struct grove_timer *timer, int64_t deadline_ns)
{
	grove_timer_stop(loop, timer);
	timer->deadline_ns = deadline_ns;
	if (deadline_ns == GROVE_NEVER)
		return;
	if (loop->timer_count == loop->timer_space) {
		loop->timer_space = loop->timer_space ? 2 * loop->timer_space : 64;
		loop->timers = grove_realloc(loop->timers, loop->timer_space,
					     sizeof(struct grove_timer *));
	}
	timer->seq = ++loop->timer_seq;
	loop->timer_count++;
	sift(loop, timer, loop->timer_count);
}

static void fire_timers(struct grove_loop *loop)
{
	int64_t now = grove_now_ns();

	while (loop->timer_count > 0 && loop->timers[0]->deadline_ns <= now) {
		struct grove_timer *timer = loop->timers[0];

		grove_timer_stop(loop, timer);
		timer->fire(timer);
	}
}

/* ---- one turn ----------------------------------------------------------------------------------
 */

void grove_make_runnable(struct grove_task *task)
{
	task->state = SNAG_RT_STATE_RUNNABLE;
	grove_list_add(&task->loop->runnable, &task->run_link);
}

/* How long nothing has to be done: milliseconds, rounded up so that no timer is early. */
static int poll_timeout(const struct grove_loop *loop)
{
	if (!grove_list_empty(&loop->runnable))
		return 0;
	if (loop->timer_count == 0)
		return -1;
	int64_t left = loop->timers[0]->deadline_ns - grove_now_ns();

	if (left <= 0)
		return 0;
	return left / GROVE_MS >= INT_MAX ? INT_MAX : (int)((left + GROVE_MS - 1) / GROVE_MS);
}

/* A reader that finds the same even generation before and after has seen one state. */
static void rest(struct grove_loop *loop)
{
	atomic_fetch_add_explicit(&loop->generation, 1, memory_order_release);
}

static void go_on(struct grove_loop *loop)
{
	atomic_fetch_add_explicit(&loop->generation, 1, memory_order_acq_rel);
}

static void turn_enter(struct grove_loop *loop)
{
	if (!loop->turn.enter)
		return;
	loop->turn.enter(loop->turn.arg);
	loop->in_turn = true;
}

static void turn_leave(struct grove_loop *loop)
{
	if (!loop->in_turn)
		return;
	loop->in_turn = false;
	loop->turn.leave(loop->turn.arg);
}

static void poll_once(struct grove_loop *loop)
{
	struct epoll_event events[EVENTS];
	int timeout_ms = poll_timeout(loop);
	/* it may have to wait for its turn, and nothing of it changes meanwhile */
	bool rests = timeout_ms != 0 || loop->turn.enter;

	if (rests)
		rest(loop);
	turn_leave(loop);
	int n;

	do {
		n = epoll_wait(loop->epoll_fd, events, EVENTS, timeout_ms);
		/* With the defect, an interrupted poll goes on as if nothing had happened. */
	} while (n < 0 && errno == EINTR && loop->defects.signal_no_wake);
	int code = errno;

	turn_enter(loop);
	if (rests)
		go_on(loop);
	if (n < 0 && code != EINTR)
		grove_bug("loop '%s': epoll_wait: %s", loop->name, strerror(code));
	for (int i = 0; i < n; i++) {
		int fd = events[i].data.fd;

		if (fd == loop->wake.read_fd)
			grove_wake_drain(loop);
		else
			grove_io_event(loop, fd, events[i].events);
	}
}

/* xorshift: good enough to find tasks that rely on an order. */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The first of the batch, or with shuffling any of its first 32. */
static struct grove_task *take(struct grove_loop *loop, struct grove_list *batch)
{
	struct grove_list *at = batch->next;

	if (loop->shuffle) {
		for (uint64_t skip = next_random(&loop->shuffle) % 32;
		     skip > 0 && at->next != batch; skip--)
			at = at->next;
	}
	grove_list_del(at);
	return grove_of(at, struct grove_task, run_link);
}

static void run_batch(struct grove_loop *loop)
{
	struct grove_list batch;

	grove_list_init(&batch);
	/* Who becomes runnable now is for the next turn. */
	grove_list_move(&batch, &loop->runnable);
	while (!grove_list_empty(&batch))
		grove_task_run(take(loop, &batch));
}

static void turn(struct grove_loop *loop)
{
	loop->turns++;
	poll_once(loop);
	grove_signals_dispatch(loop);
	grove_token_run(loop->token);
	fire_timers(loop);
	run_batch(loop);
}

/* ---- the first task ----------------------------------------------------------------------------
 */

struct main_task {
	struct grove_loop *loop;
	grove_task_fn *fn;
	void *arg;
	int rc;
	struct grove_error err;
	bool interrupted;
};

static int run_main_scope(struct main_task *run)
{
	struct grove_scope scope;

	grove_scope_enter(&scope, "main", GROVE_NEVER);
	run->loop->main_scope = &scope;
	int rc = run->fn(run->arg, &run->err);

	run->loop->main_scope = NULL;
	rc = grove_scope_exit(&scope, rc, &run->err);
	run->interrupted = scope.cancel_called && scope.reason.by == GROVE_CANCEL_SIGNAL;
	return rc;
}

/*
 * Which error is the program's. A main task that was cancelled by the failure of a system task has
 * none of its own.
 */
static int choose(struct main_task *run, int rc, int system_rc, struct grove_error *system_err)
{
	if (system_rc == 0)
		return rc;
	if (rc == 0 || rc == -ECANCELED) {
		grove_error_move(&run->err, system_err);
		return system_rc;
	}
	struct grove_errors *both = grove_errors_new(rc, "%s, and system tasks", run->err.text);

	grove_errors_add(both, grove_errors_from(&run->err));
	grove_errors_add(both, grove_errors_from(system_err));
	grove_error_clear(system_err);
	return grove_error_set_tree(&run->err, both);
}

/* The main task: around the program's function, the nursery of the system tasks. */
static int main_body(void *arg, struct grove_error *err)
{
	struct main_task *run = arg;
	struct grove_nursery system;
	struct grove_error failed = GROVE_ERROR_INIT;

	(void)err;
	grove_nursery_open(&system, "system");
	run->loop->system = &system;
	int rc = run_main_scope(run);

	if (system.count > 0)
		grove_scope_cancel(&system.scope, GROVE_CANCEL_SHUTDOWN, "main",
				   "the main task is done");
	int system_rc = grove_nursery_exit(&system, 0, &failed);

	run->loop->system = NULL;
	run->rc = choose(run, rc, system_rc, &failed);
	if (run->rc == 0 && run->interrupted)
		run->rc = grove_error_set(&run->err, -EINTR, "interrupted by SIGINT");
	return 0;
}

/* ---- grove_run ---------------------------------------------------------------------------------
 */

static const struct grove_run_opts no_opts = { .name = "main" };

static void loop_free(struct grove_loop *loop)
{
	if (!loop)
		return;
	/* Subscriptions that were forgotten would lead signals into freed memory. */
	while (!grove_list_empty(&loop->signals))
		grove_signals_close(grove_signals_first(loop));
	grove_unpublish(loop);
	if (loop->token) {
		grove_token_shut(loop->token);
		grove_token_unref(loop->token);
	}
	grove_wake_close(loop);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	grove_stacks_free(loop->stacks);
	free(loop->watches);
	free(loop->timers);
	free(loop);
}

static void loop_free_guard(struct grove_loop **loop)
{
	loop_free(*loop);
}

static struct grove_loop *loop_new(const struct grove_run_opts *opts)
{
	struct grove_loop *loop = grove_alloc(1, sizeof(*loop));

	loop->opts = opts;
	if (opts->turn)
		loop->turn = *opts->turn;
	loop->epoll_fd = -1;
	loop->wake.read_fd = -1;
	atomic_init(&loop->wake.write_fd, -1);
	loop->tid = gettid();
	loop->shuffle = opts->shuffle_seed;
	grove_copy_name(loop->name, sizeof(loop->name), opts->name ? opts->name : "main");
	grove_list_init(&loop->link);
	grove_list_init(&loop->tasks);
	grove_list_init(&loop->runnable);
	grove_list_init(&loop->signals);
	atomic_init(&loop->generation, 1);
	loop->stacks = grove_stacks_new(opts->stack_bytes, STACKS_KEPT);
	grove_limiter_init(&loop->limiter, "threads",
			   opts->thread_limit ? opts->thread_limit : THREADS);
	return loop;
}

static void on_sigint(void *arg, int signo)
{
	struct grove_loop *loop = arg;

	(void)signo;
	if (loop->opts->sigint == GROVE_SIGINT_HOOK)
		loop->opts->on_sigint(loop->opts->sigint_arg);
	else if (loop->main_scope)
		grove_scope_cancel(loop->main_scope, GROVE_CANCEL_SIGNAL, "", "SIGINT");
}

static int loop_open(struct grove_loop *loop, struct grove_error *err)
{
	const int sigint[] = { SIGINT, 0 };

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		return grove_error_set(err, -errno, "epoll_create1: %m");
	int rc = grove_wake_open(loop, err);

	if (rc < 0)
		return rc;
	loop->token = grove_token_new(loop);
	grove_publish(loop);
	if (loop->opts->sigint == GROVE_SIGINT_LEAVE)
		return 0;
	return grove_signals_hook(sigint, on_sigint, loop, &loop->sigint, err);
}

int grove_run(grove_task_fn *fn, void *arg, const struct grove_run_opts *opts,
	      struct grove_error *err)
{
	if (!opts)
		opts = &no_opts;
	if (here)
		return grove_error_set(err, -EBUSY, "this thread runs loop '%s' already",
				       here->name);
	__attribute__((cleanup(loop_free_guard))) struct grove_loop *loop = loop_new(opts);
	struct main_task run = { .loop = loop, .fn = fn, .arg = arg };

	here = loop;
	turn_enter(loop);
	int rc = loop_open(loop, err);

	if (rc < 0) {
		turn_leave(loop);
		here = NULL;
		return rc;
	}
	struct grove_task *task = grove_task_new(loop, "main", main_body, &run);

	task->user = opts->user;
	while (!grove_list_empty(&loop->tasks))
		turn(loop);
	grove_token_shut(loop->token);
	grove_truth("loop-exit", grove_fact_text("loop", loop->name), grove_fact_int("rc", run.rc),
		    grove_fact_text("text", run.err.text));
	turn_leave(loop);
	here = NULL;
	grove_threads_drain();
	grove_error_move(err, &run.err);
	return run.rc;
}

/* ---- questions ---------------------------------------------------------------------------------
 */

const char *grove_loop_name(const struct grove_loop *loop)
{
	return loop->name;
}

static struct grove_loop *needed(const char *what)
{
	if (!here)
		grove_bug("%s outside of a loop", what);
	return here;
}

struct grove_nursery *grove_system_nursery(void)
{
	return needed("grove_system_nursery()")->system;
}

struct grove_limiter *grove_loop_limiter(void)
{
	return &needed("grove_to_thread()")->limiter;
}

struct grove_scope *grove_main_scope(void)
{
	return needed("grove_main_scope()")->main_scope;
}

void grove_loop_set_user(struct grove_loop *loop, void *user)
{
	loop->user = user;
}

void *grove_loop_user(const struct grove_loop *loop)
{
	return loop->user;
}

void grove_loop_set_turn(struct grove_loop *loop, const struct grove_turn *turn)
{
	if (loop != here)
		grove_bug("loop '%s': its turn is set by its own thread", loop->name);
	if (!loop->turn.enter)
		loop->turn = *turn;
}

bool grove_loop_in_turn(const struct grove_loop *loop)
{
	return loop->in_turn;
}

struct grove_defects *grove_loop_defects(struct grove_loop *loop)
{
	return &loop->defects;
}

/* ---- fork --------------------------------------------------------------------------------------
 */

void grove_after_fork_child(void)
{
	here = NULL;
	grove_wake_forget();
	grove_published_forget();
	grove_threads_forget();
	grove_truth_forget();
}

pid_t grove_fork(void)
{
	grove_published_lock();
	grove_wake_lock();
	grove_threads_lock();
	grove_truth_lock();
	pid_t child = fork();
	int code = errno;

	/* The child holds them as well, by its only thread. */
	grove_truth_unlock();
	grove_threads_unlock();
	grove_wake_unlock();
	grove_published_unlock();
	if (child == 0)
		grove_after_fork_child();
	errno = code;
	return child;
}
