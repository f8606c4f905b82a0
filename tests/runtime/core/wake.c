/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wake.c - how a sleeping loop hears of the world: signals and functions posted by other threads.
 *
 * The order on both sides rules out a lost wake-up. Sender: say it (bit or queue), then write the
 * byte. Loop: take the bytes, then look at bits and queue. A write that finds the pair full may be
 * dropped: the bytes before it are not read yet, and the loop looks after reading them.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "runtime/core/inside.h"
#include "runtime/core/truth.h"

enum { SIGNALS = 64 };

/* Who gets a signal; the handler reads it, so it is never freed. */
struct slot {
	_Atomic(struct grove_loop *) loop;
	struct grove_signals *owner; /* under `slots_lock` */
	struct sigaction before;
};

static struct slot slots[SIGNALS + 1];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
/* Handlers under way in any thread: a loop goes away only when there are none. */
static atomic_int in_handler;

struct grove_signals {
	struct grove_list link; /* loop->signals */
	struct grove_loop *loop;
	uint64_t set;
	uint64_t pending;
	struct grove_task *waiter;
	void (*hook)(void *arg, int signo);
	void *hook_arg;
};

struct posted {
	void (*fn)(void *);
	void *arg;
};

struct grove_token {
	atomic_uint owners;
	pthread_mutex_t lock;
	struct grove_loop *loop; /* NULL: gone */
	struct posted *queue;
	size_t count, space;
};

/* ---- the pair ----------------------------------------------------------------------------------
 */

/* Async-signal-safe. */
static void wake_write(struct grove_loop *loop, unsigned char byte)
{
	int fd = atomic_load(&loop->wake.write_fd);

	if (send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	    (errno == EAGAIN || errno == EWOULDBLOCK))
		atomic_fetch_add(&loop->wake.full, 1);
	/* Any other failure: somebody closed our end, and the loop sees the end of the other. */
}

int grove_wake_open(struct grove_loop *loop, struct grove_error *err)
{
	int pair[2];
	struct epoll_event event = { .events = EPOLLIN };

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return grove_error_set(err, -errno, "wakeup pair: %m");
	event.data.fd = pair[0];
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, pair[0], &event) != 0) {
		int rc = grove_error_set(err, -errno, "wakeup pair: epoll_ctl: %m");

		close(pair[0]);
		close(pair[1]);
		return rc;
	}
	loop->wake.read_fd = pair[0];
	atomic_store(&loop->wake.write_fd, pair[1]);
	return 0;
}

void grove_wake_close(struct grove_loop *loop)
{
	int write_fd = atomic_exchange(&loop->wake.write_fd, -1);

	if (loop->wake.read_fd >= 0)
		close(loop->wake.read_fd);
	if (write_fd >= 0)
		close(write_fd);
	loop->wake.read_fd = -1;
}

/*
 * The write end was closed behind our back, for instance by somebody who closes all descriptors he
 * does not know. Its number may mean another file by now: it is not ours to close any more.
 */
static void reopen(struct grove_loop *loop)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int old = loop->wake.read_fd;

	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, old, NULL);
	close(old);
	if (grove_wake_open(loop, &err) < 0)
		grove_bug("loop '%s': %s", loop->name, err.text);
	loop->wake.reopened++;
	grove_truth("wakeup-reopened", grove_fact_int("closed-fd", old),
		    grove_fact_int("fd", loop->wake.read_fd));
}

void grove_wake_drain(struct grove_loop *loop)
{
	unsigned char bytes[256];
	uint64_t told = 0;
	ssize_t n;

	do {
		n = recv(loop->wake.read_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i] >= 1 && bytes[i] <= SIGNALS)
				told |= UINT64_C(1) << (bytes[i] - 1);
		}
	} while (n == (ssize_t)sizeof(bytes) || (n < 0 && errno == EINTR));
	loop->signals_told |= told;
	if (n == 0 && !loop->defects.wake_keep_closed)
		reopen(loop);
}

void grove_wake_stats(const struct grove_loop *loop, struct grove_wake_stats *stats)
{
	*stats = (struct grove_wake_stats){
		.read_fd = loop->wake.read_fd,
		.write_fd = atomic_load(&loop->wake.write_fd),
		.full = atomic_load(&loop->wake.full),
		.reopened = loop->wake.reopened,
		.turns = loop->turns,
	};
}

/* ---- signals -----------------------------------------------------------------------------------
 */

/* Runs in whatever thread the kernel chose. The loop cannot go away while in_handler is not 0. */
static void handler(int signo)
{
	int code = errno;

	atomic_fetch_add(&in_handler, 1);
	struct grove_loop *loop = atomic_load(&slots[signo].loop);

	if (loop) {
		atomic_fetch_or(&loop->signals_pending, UINT64_C(1) << (signo - 1));
		if (!loop->defects.signal_no_wake)
			wake_write(loop, (unsigned char)signo);
	}
	atomic_fetch_sub(&in_handler, 1);
	errno = code;
}

static void give_back(struct grove_signals *signals)
{
	for (int signo = 1; signo <= SIGNALS; signo++) {
		struct slot *slot = &slots[signo];

		if (slot->owner != signals)
			continue;
		sigaction(signo, &slot->before, NULL);
		atomic_store(&slot->loop, NULL);
		slot->owner = NULL;
	}
	/* A handler of this thread has returned; those of others take microseconds. */
	while (atomic_load(&in_handler) > 0)
		sched_yield();
}

static int take_over(struct grove_signals *signals, int signo, struct grove_error *err)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };

	if (signo < 1 || signo > SIGNALS)
		return grove_error_set(err, -EINVAL, "there is no signal %d", signo);
	struct slot *slot = &slots[signo];

	if (slot->owner)
		return grove_error_set(err, -EBUSY, "SIG%s belongs to loop '%s'",
				       sigabbrev_np(signo), slot->owner->loop->name);
	atomic_store(&slot->loop, signals->loop);
	if (sigaction(signo, &action, &slot->before) != 0) {
		atomic_store(&slot->loop, NULL);
		return grove_error_set(err, -errno, "SIG%s: %m", sigabbrev_np(signo));
	}
	slot->owner = signals;
	signals->set |= UINT64_C(1) << (signo - 1);
	return 0;
}

int grove_signals_hook(const int *list, void (*hook)(void *arg, int signo), void *arg,
		       struct grove_signals **ret, struct grove_error *err)
{
	struct grove_loop *loop = grove_loop_current();
	int rc = 0;

	if (!loop)
		grove_bug("signals were asked for outside of a loop");
	struct grove_signals *signals = grove_alloc(1, sizeof(*signals));

	signals->loop = loop;
	signals->hook = hook;
	signals->hook_arg = arg;
	pthread_mutex_lock(&slots_lock);
	for (; *list && rc == 0; list++)
		rc = take_over(signals, *list, err);
	if (rc < 0)
		give_back(signals);
	pthread_mutex_unlock(&slots_lock);
	if (rc < 0) {
		free(signals);
		return rc;
	}
	grove_list_add(&loop->signals, &signals->link);
	*ret = signals;
	return 0;
}

int grove_signals_open(const int *list, struct grove_signals **ret, struct grove_error *err)
{
	return grove_signals_hook(list, NULL, NULL, ret, err);
}

void grove_signals_close(struct grove_signals *signals)
{
	if (!signals)
		return;
	if (signals->waiter)
		grove_bug("signals were closed while a task waits for them");
	pthread_mutex_lock(&slots_lock);
	give_back(signals);
	pthread_mutex_unlock(&slots_lock);
	atomic_fetch_and(&signals->loop->signals_pending, ~signals->set);
	grove_list_del(&signals->link);
	free(signals);
}

struct grove_signals *grove_signals_first(struct grove_loop *loop)
{
	return grove_of(loop->signals.next, struct grove_signals, link);
}

static void tell(struct grove_signals *signals, uint64_t came)
{
	struct grove_task *waiter = signals->waiter;

	if (signals->hook) {
		for (; came; came &= came - 1)
			signals->hook(signals->hook_arg, __builtin_ctzll(came) + 1);
		return;
	}
	signals->pending |= came;
	signals->waiter = NULL;
	if (waiter)
		grove_unpark(waiter, 0);
}

void grove_signals_dispatch(struct grove_loop *loop)
{
	uint64_t told = loop->signals_told;
	uint64_t came = 0;
	struct grove_list *next;

	loop->signals_told = 0;
	if (loop->defects.signal_bytes_only)
		came = atomic_fetch_and(&loop->signals_pending, ~told) & told;
	else if (atomic_load(&loop->signals_pending) != 0)
		came = atomic_exchange(&loop->signals_pending, 0);
	if (came == 0)
		return;
	/* A hook may close its own subscription. */
	for (struct grove_list *at = loop->signals.next; at != &loop->signals; at = next) {
		struct grove_signals *signals = grove_of(at, struct grove_signals, link);

		next = at->next;
		if (signals->set & came)
			tell(signals, signals->set & came);
	}
}

static bool stop_signal_wait(struct grove_task *task, void *arg)
{
	struct grove_signals *signals = arg;

	(void)task;
	signals->waiter = NULL;
	return true;
}

int grove_signals_next(struct grove_signals *signals)
{
	struct grove_wait wait = grove_wait_of(SNAG_RT_WAIT_SIGNAL, signals, "signal");
	int rc = grove_check();

	if (rc < 0)
		return rc;
	if (signals->waiter)
		grove_bug("two tasks wait for the same signals");
	if ((signals->set & (signals->set - 1)) == 0)
		wait.number = __builtin_ctzll(signals->set) + 1;
	while (signals->pending == 0) {
		signals->waiter = grove_current();
		rc = grove_park(&wait, stop_signal_wait, signals);
		if (rc < 0)
			return rc;
	}
	int signo = __builtin_ctzll(signals->pending) + 1;

	signals->pending &= signals->pending - 1;
	return signo;
}

/* ---- functions from other threads --------------------------------------------------------------
 */

struct grove_token *grove_token_new(struct grove_loop *loop)
{
	struct grove_token *token = grove_alloc(1, sizeof(*token));

	atomic_init(&token->owners, 1);
	pthread_mutex_init(&token->lock, NULL);
	token->loop = loop;
	return token;
}

struct grove_token *grove_loop_token(void)
{
	struct grove_loop *loop = grove_loop_current();

	if (!loop)
		grove_bug("grove_loop_token() outside of a loop");
	return grove_token_ref(loop->token);
}

struct grove_token *grove_token_ref(struct grove_token *token)
{
	atomic_fetch_add(&token->owners, 1);
	return token;
}

void grove_token_unref(struct grove_token *token)
{
	if (!token || atomic_fetch_sub(&token->owners, 1) != 1)
		return;
	pthread_mutex_destroy(&token->lock);
	free(token->queue);
	free(token);
}

int grove_token_post(struct grove_token *token, void (*fn)(void *), void *arg)
{
	int rc = 0;

	pthread_mutex_lock(&token->lock);
	if (!token->loop) {
		rc = -ESHUTDOWN;
	} else {
		if (token->count == token->space) {
			token->space = token->space ? 2 * token->space : 16;
			token->queue =
				grove_realloc(token->queue, token->space, sizeof(*token->queue));
		}
		token->queue[token->count++] = (struct posted){ .fn = fn, .arg = arg };
		/* Under the lock: the loop cannot end before the byte is written. */
		if (token->count == 1 || token->loop->defects.post_always_tells)
			wake_write(token->loop, 0);
	}
	pthread_mutex_unlock(&token->lock);
	return rc;
}

static struct posted *take_queue(struct grove_token *token, size_t *count, bool shut)
{
	pthread_mutex_lock(&token->lock);
	struct posted *queue = token->queue;

	*count = token->count;
	token->queue = NULL;
	token->count = 0;
	token->space = 0;
	if (shut)
		token->loop = NULL;
	pthread_mutex_unlock(&token->lock);
	return queue;
}

static void run_queue(struct grove_token *token, bool shut)
{
	size_t count = 0;
	_grove_free_ struct posted *queue = take_queue(token, &count, shut);

	for (size_t i = 0; i < count; i++)
		queue[i].fn(queue[i].arg);
}

void grove_token_run(struct grove_token *token)
{
	run_queue(token, false);
}

void grove_token_shut(struct grove_token *token)
{
	run_queue(token, true);
}

/* ---- fork --------------------------------------------------------------------------------------
 */

void grove_token_lock(struct grove_token *token)
{
	pthread_mutex_lock(&token->lock);
}

void grove_token_unlock(struct grove_token *token)
{
	pthread_mutex_unlock(&token->lock);
}

void grove_token_forget(struct grove_token *token)
{
	pthread_mutex_init(&token->lock, NULL);
	token->loop = NULL;
	token->count = 0;
}

void grove_wake_lock(void)
{
	pthread_mutex_lock(&slots_lock);
}

void grove_wake_unlock(void)
{
	pthread_mutex_unlock(&slots_lock);
}

void grove_wake_forget(void)
{
	pthread_mutex_init(&slots_lock, NULL);
	for (int signo = 1; signo <= SIGNALS; signo++) {
		if (!atomic_load(&slots[signo].loop))
			continue;
		sigaction(signo, &slots[signo].before, NULL);
		atomic_store(&slots[signo].loop, NULL);
		slots[signo].owner = NULL;
	}
	atomic_store(&in_handler, 0);
}
