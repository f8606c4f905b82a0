/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits that the handler of a signal may end. A program that rests until it is told to stop is no
 * deadlock; a handler that cannot run, or that could not end the wait, changes nothing.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static sem_t sem;
static int wakeup = -1;

static void on_signal(int signal)
{
	(void)signal;
	sem_post(&sem);
	if (wakeup >= 0 && write(wakeup, "12345678", 8) < 0)
		_exit(1);
}

static void handle(int signal)
{
	struct sigaction action = { .sa_handler = on_signal };

	must(sigaction(signal, &action, NULL));
}

static void truth_of(const char *verdict, const char *kind)
{
	truth_verdict(verdict, NULL);
	truth_hop(getpid(), 0, kind, NULL, ANYBODY);
	truth_blocked(getpid(), 0);
	truth_ready();
}

/* ---- semaphores ------------------------------------------------------------------------------ */

SCENARIO(handler_posts, .what = "sem_wait until the handler of SIGTERM posts")
{
	sem_init(&sem, 0, 0);
	handle(SIGTERM);
	truth_says("[%d] ends it (SIGTERM)", getpid());
	truth_of("undetermined", "semaphore");
	sem_wait(&sem);
}

SCENARIO(handler_blocked, .what = "sem_wait where the handler's signal is blocked in every thread")
{
	sigset_t set;

	sem_init(&sem, 0, 0);
	handle(SIGTERM);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	truth_of("deadlock", "semaphore");
	sem_wait(&sem);
}

SCENARIO(handler_inward, .what = "sem_wait with handlers of faults and of its children's exit only")
{
	sem_init(&sem, 0, 0);
	handle(SIGCHLD);
	handle(SIGSEGV);
	truth_of("deadlock", "semaphore");
	sem_wait(&sem);
}

SCENARIO(handler_mutex, .what = "a mutex locked twice: no handler may release it")
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	handle(SIGTERM);
	pthread_mutex_lock(&mutex);
	truth_of("deadlock", "mutex");
	pthread_mutex_lock(&mutex);
}

/* ---- the process's own pipe ------------------------------------------------------------------ */

static int open_pipe(int flags)
{
	int ends[2];

	must(pipe2(ends, O_CLOEXEC));
	must(fcntl(ends[1], F_SETFL, flags));
	wakeup = ends[1];
	return ends[0];
}

static void read_one(int fd)
{
	char byte;

	must(read(fd, &byte, 1));
}

static void poll_one(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	must(poll(&p, 1, -1));
}

SCENARIO(handler_pipe, .what = "a loop polls a pipe of its own, whose write end does not block")
{
	int fd = open_pipe(O_NONBLOCK);

	handle(SIGTERM);
	handle(SIGHUP);
	truth_says("a signal that it handles (SIGHUP, SIGTERM)");
	truth_of("idle", "poll");
	poll_one(fd);
}

SCENARIO(handler_pipe_thread, .what = "a thread reads the pipe that handlers write to")
{
	int fd = open_pipe(O_NONBLOCK);

	handle(SIGUSR1);
	truth_of("idle", "pipe-read");
	read_one(fd);
}

SCENARIO(handler_pipe_blocking, .what = "a read of a pipe of its own, whose write end blocks")
{
	int fd = open_pipe(0);

	handle(SIGTERM);
	truth_of("undetermined", "pipe-read");
	read_one(fd);
}

SCENARIO(handler_pipe_inherited,
	 .what = "a read of a pipe that a dead child could write to as well")
{
	int fd = open_pipe(0);
	pid_t child = spawn_child(hang_dead, NULL);

	handle(SIGTERM);
	truth_blocked(child, 0);
	truth_of("deadlock", "pipe-read");
	read_one(fd);
}

SCENARIO(handler_pipe_none, .what = "a poll of a pipe of its own, and no handler")
{
	int fd = open_pipe(O_NONBLOCK);

	truth_of("deadlock", "poll");
	poll_one(fd);
}

SCENARIO(handler_socketpair, .what = "a loop polls a socketpair of its own")
{
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
	wakeup = ends[1];
	handle(SIGINT);
	truth_of("idle", "poll");
	poll_one(ends[0]);
}

SCENARIO(handler_eventfd, .what = "a loop of epoll has an eventfd for its handlers")
{
	int set = (int)must(epoll_create1(0));
	struct epoll_event e = { .events = EPOLLIN };

	wakeup = (int)must(eventfd(0, EFD_NONBLOCK));
	must(epoll_ctl(set, EPOLL_CTL_ADD, wakeup, &e));
	handle(SIGTERM);
	truth_of("idle", "poll");
	must(epoll_wait(set, &e, 1, -1));
}
