/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree.c - an idle tree to look at: PROCESSES processes of THREADS threads, each process with FDS
 * descriptors.
 *
 *	tree PROCESSES THREADS FDS
 *
 * Prints "PID" of its root when every process is up, and ends when its standard input does. The
 * threads wait in the ways that real ones do: epoll on a listener and a socket pair, read of a
 * pipe, a futex.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A process makes at most so many children, so that the tree is wide and a few levels deep. */
enum { CHILDREN = 16 };

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint32_t *up;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void *wait_for_lock(void *unused)
{
	pthread_mutex_lock(&held);
	return unused;
}

/* A server's door: without a name the kernel gives it an abstract one. */
static int listener(void)
{
	struct sockaddr_un nameless = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&nameless, sizeof(sa_family_t)) < 0 ||
	    listen(fd, 1) < 0)
		die("listen");
	return fd;
}

/* FDS descriptors of several kinds; the epoll instance watches some of them. Returns it. */
static int open_all(int fds)
{
	int epoll = epoll_create1(0), pair[2];
	struct epoll_event ev = { .events = EPOLLIN };

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener(), &ev);
	for (int have = 5; have + 5 <= fds; have += 5) {
		if (pipe(pair) < 0)
			die("pipe");
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
			die("socketpair");
		epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &ev);
		if (eventfd(0, 0) < 0)
			die("eventfd");
	}
	return epoll;
}

static void be(uint32_t first, uint32_t count, int threads, int fds);

/* Share `count` processes from number `first` on among at most CHILDREN children. */
static void fork_all(uint32_t first, uint32_t count, int threads, int fds)
{
	uint32_t parts = count < CHILDREN ? count : CHILDREN;

	for (uint32_t i = 0; i < parts; i++) {
		uint32_t from = first + (uint32_t)((uint64_t)count * i / parts);
		uint32_t to = first + (uint32_t)((uint64_t)count * (i + 1) / parts);
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0)
			be(from, to - from, threads, fds);
	}
}

/* Process `first` of `count`: the others are below it. */
__attribute__((noreturn)) static void be(uint32_t first, uint32_t count, int threads, int fds)
{
	struct epoll_event ev;
	pthread_t thread;
	int epoll;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fork_all(first + 1, count - 1, threads, fds);
	pthread_mutex_lock(&held);
	epoll = open_all(fds);
	for (int i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, wait_for_lock, NULL))
			die("pthread_create");
	atomic_fetch_add(up, 1);
	/* a debugger beside snag interrupts it */
	while (epoll_wait(epoll, &ev, 1, -1) < 0 && errno == EINTR)
		;
	exit(0);
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 10;
	int threads = argc > 2 ? atoi(argv[2]) : 1, fds = argc > 3 ? atoi(argv[3]) : 30;
	struct rlimit open_files = { 65536, 65536 };
	char byte;
	pid_t root;

	setrlimit(RLIMIT_NOFILE, &open_files);
	up = mmap(NULL, sizeof(*up), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (up == MAP_FAILED)
		die("mmap");
	root = fork();
	if (root < 0)
		die("fork");
	if (root == 0)
		be(0, count, threads, fds);
	while (atomic_load(up) < count)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	printf("%d\n", (int)root);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	kill(root, SIGKILL);
	return 0;
}
