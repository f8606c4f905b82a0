/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.c - the tree, and where its threads are. Each wait lasts for ever or for an hour, and is
 * taken up again when it was cut short, as real programs do.
 */
#include "disturb/target.h"

#include "base/cleanup.h"
#include "lib/scenario_harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct timespec hour = { .tv_sec = 3600 };
static struct target *own;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static sem_t empty;

static long sure_of(long result, const char *what)
{
	if (result < 0) {
		printf("target: %s: %s\n", what, strerror(errno));
		fflush(stdout);
		_exit(1);
	}
	return result;
}
#define sure(call) sure_of((long)(call), #call)

/* ---- the waits ---- */

/* A pipe that is empty and whose write end is open. */
static int quiet_pipe(void)
{
	int ends[2];

	sure(pipe2(ends, O_CLOEXEC));
	return ends[0];
}

static void read_for_ever(int fd)
{
	char bytes[4096];

	for (;;)
		if (read(fd, bytes, sizeof(bytes)) == 0)
			return;
}

static void wait_pipe_read(void)
{
	read_for_ever(quiet_pipe());
}

static void wait_pipe_write(void)
{
	char page[4096] = { 0 };
	int ends[2];

	sure(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	sure(fcntl(ends[1], F_SETFL, 0));
	while (write(ends[1], page, sizeof(page)) < 0)
		;
}

static int quiet_epoll(void)
{
	int epoll = (int)sure(epoll_create1(EPOLL_CLOEXEC));

	sure(epoll_ctl(epoll, EPOLL_CTL_ADD, quiet_pipe(),
		       &(struct epoll_event){ .events = EPOLLIN }));
	return epoll;
}

static void wait_epoll(void)
{
	int epoll = quiet_epoll();
	struct epoll_event event;

	while (syscall(SYS_epoll_wait, epoll, &event, 1, -1) <= 0)
		;
}

static void wait_epoll_pwait2(void)
{
	int epoll = quiet_epoll();
	struct epoll_event event;

	while (syscall(SYS_epoll_pwait2, epoll, &event, 1, &hour, NULL, 0) <= 0)
		;
}

static void wait_poll(void)
{
	struct pollfd fd = { .fd = quiet_pipe(), .events = POLLIN };

	while (syscall(SYS_poll, &fd, 1, -1) <= 0)
		;
}

static void wait_select(void)
{
	int fd = quiet_pipe();
	fd_set set;

	do {
		FD_ZERO(&set);
		FD_SET(fd, &set);
	} while (syscall(SYS_select, fd + 1, &set, NULL, NULL, NULL) <= 0);
}

static void wait_mutex(void)
{
	pthread_mutex_lock(&held);
}

static void wait_cond(void)
{
	pthread_mutex_lock(&lock);
	for (;;)
		pthread_cond_wait(&never, &lock);
}

static void wait_sem(void)
{
	while (sem_wait(&empty) < 0)
		;
}

/* A listening socket of the loopback, and its address. */
static int listener(struct sockaddr_in *at)
{
	socklen_t size = sizeof(*at);
	int fd = (int)sure(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	*at = (struct sockaddr_in){ .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	sure(bind(fd, (struct sockaddr *)at, size));
	sure(listen(fd, 1));
	sure(getsockname(fd, (struct sockaddr *)at, &size));
	return fd;
}

static void wait_accept(void)
{
	struct sockaddr_in at;
	int fd = listener(&at);

	while (syscall(SYS_accept, fd, NULL, NULL) < 0)
		;
}

static void receive(int fd)
{
	char byte;

	while (recv(fd, &byte, 1, 0) < 0)
		;
}

static void wait_recv_tcp(void)
{
	struct sockaddr_in at;
	int server = listener(&at);
	int client = (int)sure(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	sure(connect(client, (struct sockaddr *)&at, sizeof(at)));
	sure(accept4(server, NULL, NULL, SOCK_CLOEXEC));
	receive(client);
}

static int quiet_socket(void)
{
	int ends[2];

	sure(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	return ends[0];
}

static void wait_recv_unix(void)
{
	receive(quiet_socket());
}

static void wait_recv_timed(void)
{
	struct timeval limit = { .tv_sec = hour.tv_sec };
	int fd = quiet_socket();

	sure(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	receive(fd);
}

static void wait_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (sigtimedwait(&set, NULL, &hour) < 0)
		;
}

static void wait_sleep(void)
{
	for (;;)
		syscall(SYS_nanosleep, &hour, NULL);
}

static void wait_semop(void)
{
	struct sembuf take = { .sem_op = -1 };

	while (syscall(SYS_semop, own->semid, &take, 1) < 0)
		;
}

static void wait_msgrcv(void)
{
	struct {
		long type;
		char text[8];
	} message;

	while (msgrcv(own->msqid, &message, sizeof(message.text), 0, 0) < 0)
		;
}

static void wait_child_exit(void)
{
	while (waitpid(own->processes[1], NULL, 0) < 0)
		;
}

static void wait_flock(void)
{
	char path[64];
	int first = (int)sure(memfd_create("disturb", MFD_CLOEXEC));

	snprintf(path, sizeof(path), "/proc/self/fd/%d", first);
	int second = (int)sure(open(path, O_RDWR | O_CLOEXEC));
	sure(flock(first, LOCK_EX));
	while (flock(second, LOCK_EX) < 0)
		;
}

static void wait_eventfd(void)
{
	read_for_ever((int)sure(eventfd(0, EFD_CLOEXEC)));
}

static void wait_inotify(void)
{
	read_for_ever((int)sure(inotify_init1(IN_CLOEXEC)));
}

static void wait_timerfd(void)
{
	int fd = (int)sure(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));

	sure(timerfd_settime(fd, 0, &(struct itimerspec){ .it_value = hour }, NULL));
	read_for_ever(fd);
}

static void wait_pause(void)
{
	for (;;)
		pause();
}

struct wait {
	const char *name;
	long nr;
	void (*block)(void);
};

static const struct wait waits[] = {
	{ "pipe read", SYS_read, wait_pipe_read },
	{ "pipe write", SYS_write, wait_pipe_write },
	{ "epoll_wait", SYS_epoll_wait, wait_epoll },
	{ "epoll_pwait2", SYS_epoll_pwait2, wait_epoll_pwait2 },
	{ "poll", SYS_poll, wait_poll },
	{ "select", SYS_select, wait_select },
	{ "mutex", SYS_futex, wait_mutex },
	{ "condition", SYS_futex, wait_cond },
	{ "semaphore", SYS_futex, wait_sem },
	{ "accept", SYS_accept, wait_accept },
	{ "recv tcp", SYS_recvfrom, wait_recv_tcp },
	{ "recv unix", SYS_recvfrom, wait_recv_unix },
	{ "recv with SO_RCVTIMEO", SYS_recvfrom, wait_recv_timed },
	{ "sigtimedwait", SYS_rt_sigtimedwait, wait_signal },
	{ "nanosleep", SYS_nanosleep, wait_sleep },
	{ "semop", SYS_semop, wait_semop },
	{ "msgrcv", SYS_msgrcv, wait_msgrcv },
	{ "wait4", SYS_wait4, wait_child_exit },
	{ "flock", SYS_flock, wait_flock },
	{ "eventfd", SYS_read, wait_eventfd },
	{ "inotify", SYS_read, wait_inotify },
	{ "timerfd", SYS_read, wait_timerfd },
};
enum { WAITS = sizeof(waits) / sizeof(*waits) };
_Static_assert(WAITS + TARGET_PROCESSES <= TARGET_MAX, "room for each");

/* ---- the tree ---- */

static void stand_in(size_t slot, const struct wait *w, char state)
{
	struct target_thread *t = &own->threads[slot];

	t->name = w->name;
	t->nr = w->nr;
	t->state = state;
	t->pid = getpid();
	__atomic_store_n(&t->tid, gettid(), __ATOMIC_RELEASE);
}

static void *thread_main(void *arg)
{
	const struct wait *w = arg;

	stand_in((size_t)(w - waits), w, 'S');
	w->block();
	_exit(1);
}

/* Process `index` of the tree, whose first thread only pauses. */
static void process_main(size_t index, const char *name, char state)
{
	stand_in(WAITS + index, &(struct wait){ name, SYS_pause, NULL }, state);
	wait_pause();
}

static pid_t child_start(size_t index, const char *name, char state)
{
	pid_t pid = (pid_t)sure(fork());

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		process_main(index, name, state);
	}
	return own->processes[index] = pid;
}

static void root_main(void)
{
	pthread_t thread;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pthread_mutex_lock(&held);
	sem_init(&empty, 0, 0);
	child_start(1, "child", 'S');
	pid_t stopped = child_start(2, "stopped child", 'T');
	while (__atomic_load_n(&own->threads[WAITS + 2].tid, __ATOMIC_ACQUIRE) == 0)
		poll_pause();
	sure(kill(stopped, SIGSTOP));
	sure(waitpid(stopped, NULL, WUNTRACED));
	for (size_t i = 0; i < WAITS; i++)
		if (pthread_create(&thread, NULL, thread_main, (void *)&waits[i]) != 0)
			_exit(1);
	process_main(0, "main thread", 'S');
}

struct target *target_start(void)
{
	own = mmap(NULL, sizeof(*own), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (own == MAP_FAILED) {
		printf("target: %s\n", strerror(errno));
		return NULL;
	}
	own->count = WAITS + TARGET_PROCESSES;
	own->semid = semget(IPC_PRIVATE, 1, 0600);
	own->msqid = msgget(IPC_PRIVATE, 0600);
	fflush(stdout);
	pid_t root = own->semid < 0 || own->msqid < 0 ? -1 : fork();
	if (root < 0) {
		printf("target: %s\n", strerror(errno));
		target_end(own);
		return NULL;
	}
	if (root == 0)
		root_main();
	own->processes[0] = root;
	return own;
}

void target_end(struct target *t)
{
	if (!proc_kill_descendants(NULL, 0))
		printf("target: some processes are left over\n");
	if (t->semid >= 0)
		semctl(t->semid, 0, IPC_RMID);
	if (t->msqid >= 0)
		msgctl(t->msqid, IPC_RMID, NULL);
	munmap(t, sizeof(*t));
}

/* ---- where its threads are ---- */

static bool place_read(const struct target_thread *t, char *state, struct target_place *place)
{
	char path[64];
	pid_t tid = __atomic_load_n(&t->tid, __ATOMIC_ACQUIRE);

	*place = (struct target_place){ 0 };
	if (tid == 0 || !proc_thread_stamp(t->pid, tid, state, place->stamp, sizeof(place->stamp)))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", t->pid, tid);
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	return file && fgets(place->syscall, sizeof(place->syscall), file);
}

static bool place_same(const struct target_place *a, const struct target_place *b)
{
	return strcmp(a->syscall, b->syscall) == 0 && strcmp(a->stamp, b->stamp) == 0;
}

/* In its system call, or in what the kernel makes of one that was cut short. */
static bool in_call(const struct target_thread *t, const struct target_place *place)
{
	char *end;
	long nr = strtol(place->syscall, &end, 10);

	return end != place->syscall && (nr == t->nr || nr == SYS_restart_syscall);
}

/* Blocked where it shall be, and since `place`, which becomes the place where it is now. */
static bool thread_settled(const struct target_thread *t, struct target_place *place)
{
	struct target_place now;
	char state = '?';
	bool blocked = place_read(t, &state, &now) && state == t->state && in_call(t, &now);
	bool same = place_same(place, &now);

	*place = now;
	return blocked && same;
}

bool target_settle(const struct target *t, struct target_place places[TARGET_MAX])
{
	enum { QUIET_POLLS = 10 };
	uint64_t end = now_ns() + 20000000000ull;
	size_t moving = t->count, which = 0;

	for (int quiet = 0; quiet < QUIET_POLLS; quiet = moving == 0 ? quiet + 1 : 0) {
		if (now_ns() > end) {
			printf("target: not blocked: %s, at %s\n", t->threads[which].name,
			       places[which].syscall);
			return false;
		}
		poll_pause();
		moving = 0;
		for (size_t i = 0; i < t->count; i++)
			if (!thread_settled(&t->threads[i], &places[i])) {
				moving++;
				which = i;
			}
	}
	return true;
}

size_t target_moved(const struct target *t, const struct target_place places[TARGET_MAX], bool say)
{
	size_t moved = 0;

	for (size_t i = 0; i < t->count; i++) {
		struct target_place now;
		char state = '?';

		if (place_read(&t->threads[i], &state, &now) && place_same(&places[i], &now))
			continue;
		moved++;
		if (say)
			printf("  %s[%d] moved: %s  was %s", t->threads[i].name, t->threads[i].tid,
			       now.syscall, places[i].syscall);
	}
	return moved;
}
