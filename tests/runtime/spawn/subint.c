/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subint.c - an interpreter in this process: a thread of its own with a loop and an actor of its
 * own, which shares nothing with the other actors of the process but memory that no actor touches.
 *
 * An interpreter has a lock that its loop holds whenever it runs tasks, and lets go around its
 * poll. `isolated` (PEP 684): each interpreter has its own. `legacy`: one for all of them and for
 * the loops that start them, as CPython's sub-interpreters of the GIL of the main one
 * (Python/pylifecycle.c, init_interp_create_gil()). An actor that blocks in legacy mode without
 * going through its loop therefore stops all others, its parent included: nothing here can cure
 * that, only the end of the process does.
 *
 * A thread cannot be killed, so there is no last step of the ladder: an actor that does not end
 * when it is asked is abandoned. Its thread goes on until it ends by itself or with the process.
 *
 * Signals are the process's: the loop of its main actor has them. A SIGINT cancels that one, which
 * cancels the hosted ones by message.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "runtime/actor/actor.h"
#include "runtime/core/event.h"
#include "runtime/core/loop.h"
#include "runtime/spawn/backend.h"
#include "runtime/spawn/backends.h"
#include "runtime/spawn/defects.h"

/* ---- the lock of an interpreter -----------------------------------------------------------------
 */

/*
 * Two plain mutexes, so that every reader of futex words sees who has it. Who wants it waits for
 * `next` first: a loop that lets go and wants it again at once cannot overtake the first waiter.
 */
struct interpreter_lock {
	pthread_mutex_t next;
	pthread_mutex_t turn;
};

static struct interpreter_lock shared = {
	.next = PTHREAD_MUTEX_INITIALIZER,
	.turn = PTHREAD_MUTEX_INITIALIZER,
};

static void lock_init(struct interpreter_lock *lock)
{
	pthread_mutex_init(&lock->next, NULL);
	pthread_mutex_init(&lock->turn, NULL);
}

static void lock_enter(void *arg)
{
	struct interpreter_lock *lock = arg;

	/* as CPython does in take_gil() (Python/ceval_gil.c) */
	if (atomic_load(&grove_spawn_defects()->finalised) == gettid())
		pthread_exit(NULL);
	pthread_mutex_lock(&lock->next);
	pthread_mutex_lock(&lock->turn);
	pthread_mutex_unlock(&lock->next);
}

static void lock_leave(void *arg)
{
	struct interpreter_lock *lock = arg;

	pthread_mutex_unlock(&lock->turn);
}

static struct grove_turn turn_of(struct interpreter_lock *lock)
{
	return (struct grove_turn){ .enter = lock_enter, .leave = lock_leave, .arg = lock };
}

/* In the child of a fork there are no interpreters, and nobody who could let go. */
static void after_fork(void)
{
	lock_init(&shared);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, after_fork);
}

/* The loop that starts the first legacy interpreter shares the lock from then on. */
static void share_lock(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct grove_loop *loop = grove_loop_current();
	const struct grove_turn turn = turn_of(&shared);

	pthread_once(&once, watch_forks);
	grove_loop_set_turn(loop, &turn);
	while (!grove_loop_in_turn(loop))
		grove_yield();
}

/* ---- an interpreter ---------------------------------------------------------------------------
 */

/* Of two owners: the child in the parent's loop, and the thread. A posted function is one more. */
struct interpreter {
	atomic_uint owners;
	const struct grove_program *program;
	struct grove_boot boot;
	struct interpreter_lock lock; /* its own, in isolated mode */
	struct grove_turn turn;
	pthread_t thread;
	atomic_int tid;
	int code; /* before `ended` */
	/* the parent's side */
	struct grove_token *parent;
	struct grove_event changed;
	bool begun, ended, joined, abandoned;
	unsigned ended_seen; /* ended_below, at the last step of the ladder */
	/* between the sides */
	atomic_int ending;	 /* so many actors below it are being ended */
	atomic_uint ended_below; /* and so many were */
	pthread_mutex_t mutex;
	struct grove_token *token; /* of its loop; NULL: not up, or not any more */
	bool asked;		   /* to end */
	/* its own side */
	struct grove_actor *actor;
};

static struct interpreter *interpreter_new(const struct grove_child *child, bool own_lock)
{
	struct interpreter *it = grove_alloc(1, sizeof(*it));

	atomic_init(&it->owners, 2);
	it->program = child->program;
	it->boot = child->boot;
	lock_init(&it->lock);
	it->turn = turn_of(own_lock ? &it->lock : &shared);
	it->parent = grove_loop_token();
	grove_event_init(&it->changed, child->boot.uid.name);
	pthread_mutex_init(&it->mutex, NULL);
	return it;
}

static void interpreter_free(struct interpreter *it)
{
	grove_token_unref(it->parent);
	pthread_mutex_destroy(&it->mutex);
	pthread_mutex_destroy(&it->lock.next);
	pthread_mutex_destroy(&it->lock.turn);
	free(it);
}

static void interpreter_unref(struct interpreter *it)
{
	if (atomic_fetch_sub(&it->owners, 1) == 1)
		interpreter_free(it);
}

/* Call fn(it) in the loop of `token`; by one of its owners. The posted function is one more. */
static void post(struct interpreter *it, struct grove_token *token, void (*fn)(void *))
{
	atomic_fetch_add(&it->owners, 1);
	if (grove_token_post(token, fn, it) < 0)
		atomic_fetch_sub(&it->owners, 1); /* that loop is gone: nobody to tell */
}

/* ---- in its thread ----------------------------------------------------------------------------
 */

static void cancel_it(struct interpreter *it)
{
	grove_actor_hurry(it->actor);
	grove_actor_cancel(it->actor, GROVE_CANCEL_REMOTE, "", "the parent is in a hurry");
}

/* Posted by the parent. */
static void on_asked(void *arg)
{
	struct interpreter *it = arg;

	if (it->actor)
		cancel_it(it);
	interpreter_unref(it);
}

static void on_up(void *arg, struct grove_actor *actor)
{
	struct interpreter *it = arg;
	bool asked;

	it->actor = actor;
	pthread_mutex_lock(&it->mutex);
	it->token = grove_loop_token();
	asked = it->asked;
	pthread_mutex_unlock(&it->mutex);
	if (asked)
		cancel_it(it);
}

static void on_down(void *arg)
{
	struct interpreter *it = arg;
	struct grove_token *token;

	pthread_mutex_lock(&it->mutex);
	token = grove_steal(it->token);
	pthread_mutex_unlock(&it->mutex);
	grove_token_unref(token);
	it->actor = NULL;
}

static void on_ending(void *arg, int change)
{
	struct interpreter *it = arg;

	if (change < 0)
		atomic_fetch_add(&it->ended_below, 1);
	atomic_fetch_add(&it->ending, change);
}

static void on_begun(void *arg);
static void on_ended(void *arg);

/* ps shows 15 characters: of a longer name the end, which tells siblings apart. */
static void name_thread(const char *name)
{
	enum { ROOM = 15 };
	char text[ROOM + 1];
	size_t size = strlen(name);

	if (size <= ROOM)
		grove_copy_name(text, sizeof(text), name);
	else
		snprintf(text, sizeof(text), "~%.*s", ROOM - 1, name + size - (ROOM - 1));
	pthread_setname_np(pthread_self(), text);
}

static void *host(void *arg)
{
	struct interpreter *it = arg;
	const struct grove_host host = {
		.hosted = true,
		.turn = &it->turn,
		.up = on_up,
		.down = on_down,
		.ending = on_ending,
		.arg = it,
	};

	atomic_store(&it->tid, gettid());
	name_thread(it->boot.uid.name);
	post(it, it->parent, on_begun);
	it->code = grove_actor_main(it->program, &it->boot, &host);
	post(it, it->parent, on_ended);
	interpreter_unref(it);
	return NULL;
}

/* ---- in the parent's loop ---------------------------------------------------------------------
 */

static void on_begun(void *arg)
{
	struct interpreter *it = arg;

	it->begun = true;
	grove_event_pulse(&it->changed);
	interpreter_unref(it);
}

static void on_ended(void *arg)
{
	struct interpreter *it = arg;

	it->ended = true;
	grove_event_pulse(&it->changed);
	interpreter_unref(it);
}

/* From now on it is its thread that has something to say. */
static void expect_end(struct interpreter *it, pid_t tid)
{
	struct grove_promise promise = { .kind = SNAG_RT_PROMISE_THREAD, .tid = tid };

	grove_copy_name(promise.who, sizeof(promise.who), it->boot.uid.name);
	grove_event_promise(&it->changed, &promise);
}

static int start(struct grove_child *child, bool own_lock, struct grove_error *err)
{
	struct interpreter *it = interpreter_new(child, own_lock);
	struct grove_scope shield;
	int code = pthread_create(&it->thread, NULL, host, it);

	if (code != 0) {
		interpreter_free(it);
		return grove_error_set(err, -code, "no thread for an interpreter: %s",
				       strerror(code));
	}
	grove_scope_enter_shielded(&shield, "thread", GROVE_NEVER);
	int rc = 0;
	while (rc == 0 && !it->begun)
		rc = grove_event_wait(&it->changed); /* a thread that exists begins */
	(void)grove_scope_exit(&shield, rc, NULL);
	child->own = it;
	child->pid = getpid();
	child->tid = atomic_load(&it->tid);
	expect_end(it, child->tid);
	return 0;
}

static int legacy_spawn(struct grove_child *child, struct grove_error *err)
{
	share_lock();
	return start(child, false, err);
}

static int isolated_spawn(struct grove_child *child, struct grove_error *err)
{
	return start(child, true, err);
}

static int subint_wait(struct grove_child *child, struct grove_error *err)
{
	struct interpreter *it = child->own;
	int rc = 0;

	while (rc == 0 && !it->ended && !it->abandoned)
		rc = grove_event_wait(&it->changed);
	if (rc < 0)
		return rc;
	if (!it->ended)
		return grove_error_set(err, -EBUSY, "thread %d goes on", (int)child->tid);
	/* it has said so with its last breath: this takes microseconds */
	pthread_join(it->thread, NULL);
	it->joined = true;
	child->end = (struct grove_end){ .code = it->code, .known = true };
	return 0;
}

/* Whether it ends those below it, or did so since the last step: its own time begins after that. */
static bool is_busy(struct interpreter *it)
{
	bool busy = atomic_load(&it->ending) > 0;
	unsigned count = atomic_load(&it->ended_below);

	busy = busy || count != it->ended_seen;
	it->ended_seen = count;
	return busy;
}

static int subint_tell(struct grove_child *child, enum grove_tell how, struct grove_error *err)
{
	struct interpreter *it = child->own;
	struct grove_token *token;

	bool busy = is_busy(it);

	if (how == GROVE_TELL_KILL && busy)
		return grove_error_set(err, -EINPROGRESS, "it is ending the actors below it");
	if (how == GROVE_TELL_KILL)
		return grove_error_set(err, -ENOTSUP,
				       "a thread cannot be killed without its process");
	pthread_mutex_lock(&it->mutex);
	it->asked = true;
	token = it->token ? grove_token_ref(it->token) : NULL;
	pthread_mutex_unlock(&it->mutex);
	if (token)
		post(it, token, on_asked);
	grove_token_unref(token);
	return 0;
}

static void subint_abandon(struct grove_child *child)
{
	struct interpreter *it = child->own;

	it->abandoned = true;
	grove_event_pulse(&it->changed);
}

static void subint_release(struct grove_child *child)
{
	struct interpreter *it = child->own;

	if (!it->joined)
		pthread_detach(it->thread);
	interpreter_unref(it);
	child->own = NULL;
}

const struct grove_backend grove_backend_subint_legacy = {
	.name = "subint_legacy",
	.alias = "subint",
	.method = "interpreter",
	.text = "a thread with an interpreter; one lock for all of them (also: subint)",
	.hosted = true,
	.spawn = legacy_spawn,
	.wait = subint_wait,
	.tell = subint_tell,
	.abandon = subint_abandon,
	.release = subint_release,
};

const struct grove_backend grove_backend_subint_isolated = {
	.name = "subint_isolated",
	.method = "interpreter",
	.text = "a thread with an interpreter that has a lock of its own",
	.hosted = true,
	.spawn = isolated_spawn,
	.wait = subint_wait,
	.tell = subint_tell,
	.abandon = subint_abandon,
	.release = subint_release,
};

/* ---- fork in an interpreter -------------------------------------------------------------------
 */

/*
 * fork() keeps the calling thread alone. In an interpreter that is not the main one, the child
 * would have no main interpreter: PyOS_AfterFork_Child() ends it with "not main interpreter"
 * (Python/pystate.c, _PyInterpreterState_DeleteExceptMain()), and os.fork() refuses to begin in an
 * isolated one. The same holds here: the child's only thread would be in the middle of a loop that
 * the child shares with its parent, epoll set and all.
 */
static const char *fork_refuses(void)
{
	return "a child forked in a sub-interpreter would have no main interpreter, and CPython "
	       "ends it at once; subint_forkserver forks from a thread that runs none";
}

const struct grove_backend grove_backend_subint_fork = {
	.name = "subint_fork",
	.method = "fork",
	.text = "fork in an interpreter: cannot work, and says why",
	.refuses = fork_refuses,
};
