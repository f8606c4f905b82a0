/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waits.c - the kinds of waits. Each lasts for ever, and is taken up again when a debugger has cut
 * it short. What they have in common stands in shapes.c: how the stack looks above them.
 */
#include "waits.h"

#include "shapes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct timespec hour = { .tv_sec = 3600 };
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t two;
static sem_t empty;
/* never more than what a wait gave back: no call is the last thing that is done */
static int turns;

static int sure_of(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		_exit(1);
	}
	return (int)result;
}
#define sure(call) sure_of((long)(call), #call)

static void again(void)
{
	__atomic_fetch_add(&turns, 1, __ATOMIC_RELAXED);
}

/* ---- descriptors ---- */

static int quiet_pipe(void)
{
	int ends[2];

	sure(pipe2(ends, O_CLOEXEC));
	return ends[0];
}

static void read_for_ever(int fd)
{
	char bytes[512];

	while (read(fd, bytes, sizeof(bytes)) != 0)
		again();
}

static void wait_pipe_read(void)
{
	read_for_ever(quiet_pipe());
	again();
}

static void wait_pipe_write(void)
{
	char page[4096] = { 0 };
	int ends[2];

	sure(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	sure(fcntl(ends[1], F_SETFL, 0));
	for (;; again())
		if (write(ends[1], page, sizeof(page)) == 0)
			return;
}

static void wait_epoll(void)
{
	int epoll = sure(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event = { .events = EPOLLIN };

	sure(epoll_ctl(epoll, EPOLL_CTL_ADD, quiet_pipe(), &event));
	while (epoll_wait(epoll, &event, 1, -1) <= 0)
		again();
}

static void wait_poll(void)
{
	struct pollfd fd = { .fd = quiet_pipe(), .events = POLLIN };

	while (poll(&fd, 1, -1) <= 0)
		again();
}

static void wait_select(void)
{
	int fd = quiet_pipe();
	fd_set set;

	do {
		FD_ZERO(&set);
		FD_SET(fd, &set);
		again();
	} while (select(fd + 1, &set, NULL, NULL, NULL) <= 0);
}

static void wait_eventfd(void)
{
	eventfd_t value;
	int fd = sure(eventfd(0, EFD_CLOEXEC));

	while (eventfd_read(fd, &value) < 0)
		again();
}

static void wait_timerfd(void)
{
	int fd = sure(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	const struct itimerspec late = { .it_value = hour };

	sure(timerfd_settime(fd, 0, &late, NULL));
	read_for_ever(fd);
	again();
}

static void wait_inotify(void)
{
	read_for_ever(sure(inotify_init1(IN_CLOEXEC)));
	again();
}

static void wait_signalfd(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	read_for_ever(sure(signalfd(-1, &set, SFD_CLOEXEC)));
	again();
}

static void wait_stdio(void)
{
	FILE *f = fdopen(quiet_pipe(), "r");
	char line[64];

	while (f && !fgets(line, sizeof(line), f))
		clearerr(f);
	again();
}

/* ---- sockets ---- */

static int listener(struct sockaddr_in *at)
{
	socklen_t size = sizeof(*at);
	int fd = sure(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	sure(bind(fd, (struct sockaddr *)at, size));
	sure(listen(fd, 1));
	sure(getsockname(fd, (struct sockaddr *)at, &size));
	return fd;
}

static void receive(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) < 0)
		again();
}

static void wait_accept(void)
{
	struct sockaddr_in at;
	int fd = listener(&at);

	while (accept(fd, NULL, NULL) < 0)
		again();
}

static void wait_recv_tcp(void)
{
	struct sockaddr_in at;
	int server = listener(&at), client = sure(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	sure(connect(client, (struct sockaddr *)&at, sizeof(at)));
	sure(accept4(server, NULL, NULL, SOCK_CLOEXEC));
	receive(client);
	again();
}

static void wait_recvmsg_unix(void)
{
	int ends[2];
	char byte;
	struct iovec part = { &byte, 1 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	sure(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	while (recvmsg(ends[0], &m, 0) < 0)
		again();
}

/* ---- locks ---- */

static void wait_mutex(void)
{
	pthread_mutex_lock(&held);
	again();
}

static void wait_cond(void)
{
	pthread_mutex_lock(&lock);
	for (;; again())
		pthread_cond_wait(&never, &lock);
}

static void wait_sem(void)
{
	while (sem_wait(&empty) < 0)
		again();
}

static void wait_rwlock(void)
{
	pthread_rwlock_rdlock(&written);
	again();
}

static void wait_barrier(void)
{
	pthread_barrier_wait(&two);
	again();
}

static void wait_futex(void)
{
	static int word;

	for (;; again())
		syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
}

static void *sleep_long(void *unused)
{
	while (nanosleep(&hour, NULL) < 0)
		again();
	return unused;
}

static void wait_join(void)
{
	pthread_t other;

	sure(-pthread_create(&other, NULL, sleep_long, NULL));
	pthread_join(other, NULL);
	again();
}

static void wait_flock(void)
{
	char name[] = "/tmp/waits-XXXXXX";
	int first = sure(mkstemp(name)), second = sure(open(name, O_RDWR | O_CLOEXEC));

	unlink(name);
	sure(flock(first, LOCK_EX));
	while (flock(second, LOCK_EX) < 0)
		again();
}

/* ---- SysV and POSIX queues ---- */

static void wait_semop(void)
{
	struct sembuf take = { .sem_op = -1 };
	int set = sure(semget(IPC_PRIVATE, 1, 0600));

	prctl(PR_SET_NAME, "semop");
	while (semop(set, &take, 1) < 0 && errno == EINTR)
		again();
}

static void wait_mqueue(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[32], bytes[8];

	snprintf(name, sizeof(name), "/waits-%d", getpid());
	mqd_t q = sure(mq_open(name, O_CREAT | O_EXCL | O_RDONLY | O_CLOEXEC, 0600, &attr));
	mq_unlink(name);
	while (mq_receive(q, bytes, sizeof(bytes), NULL) < 0)
		again();
}

/* ---- processes, signals, time ---- */

static void wait_child(void)
{
	pid_t child = sure(fork());

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	while (waitpid(child, NULL, 0) < 0)
		again();
}

static void wait_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (sigtimedwait(&set, NULL, &hour) < 0)
		again();
}

static void wait_sigsuspend(void)
{
	sigset_t set;

	sigfillset(&set);
	for (;; again())
		sigsuspend(&set);
}

static void wait_clock(void)
{
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL))
		again();
}

static void wait_usleep(void)
{
	for (;; again())
		sleep(3600);
}

/* ---- all of them ---- */

static void (*const waits[])(void) = {
	wait_pipe_read,	 wait_pipe_write, wait_epoll,	wait_poll,	   wait_select,
	wait_eventfd,	 wait_timerfd,	  wait_inotify, wait_signalfd,	   wait_stdio,
	wait_accept,	 wait_recv_tcp,	  wait_mutex,	wait_recvmsg_unix, wait_cond,
	wait_sem,	 wait_rwlock,	  wait_barrier, wait_futex,	   wait_join,
	wait_flock,	 wait_semop,	  wait_mqueue,	wait_child,	   wait_sigtimedwait,
	wait_sigsuspend, wait_clock,	  wait_usleep,
};
enum { WAITS = sizeof(waits) / sizeof(*waits) };

static void *run(void *wait)
{
	(*(void (*const *)(void))wait)();
	again();
	return NULL;
}

static int start(void (*const *wait)(void))
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1 << 20);
	return pthread_create(&t, &attr, run, (void *)wait);
}

int waits_main(void)
{
	int rc = pthread_barrier_init(&two, NULL, 2);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_mutex_lock(&held);
	pthread_rwlock_wrlock(&written);
	for (int i = 0; !rc && i < WAITS; i++)
		rc = start(&waits[i]);
	for (int i = 0; !rc && i < SHAPES; i++)
		rc = start(&shapes[i]);
	if (rc) {
		fprintf(stderr, "waits: %s\n", strerror(rc));
		return 1;
	}
	shapes_arrive();
	prctl(PR_SET_NAME, "waiting");
	wait_pipe_read();
	return 1;
}
