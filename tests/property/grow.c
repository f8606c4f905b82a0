/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grow.c - a plan made real. The root makes every object, each process keeps only what its part of
 * the plan says and blocks when all of them are ready.
 */
#include "property/forest.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What all processes share. */
struct ground {
	pthread_mutex_t mutex[FOREST_MAX]; /* process i waits for mutex[i] */
	_Atomic uint32_t locked, ready;
	_Atomic pid_t pids[FOREST_MAX];
};

/*
 * The objects of one process's wait: fd[0] and fd[1] of its pipe, fd[0] of an eventfd or file or
 * listener.
 */
struct roots {
	int fd[FOREST_MAX][2];
	char path[FOREST_MAX][64];
};

static void die(const char *what)
{
	perror(what);
	_exit(99);
}

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

static void fill(int fd)
{
	char page[4096] = { 0 };

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (write(fd, page, sizeof(page)) > 0 || write(fd, page, 1) > 0)
		;
	fcntl(fd, F_SETFL, 0);
}

static int listener(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 1) < 0)
		die("listen");
	return fd;
}

static void make_object(const struct forest *f, struct roots *r, uint32_t i)
{
	enum plant_wait w = f->plants[i].wait;
	int file;

	r->fd[i][0] = r->fd[i][1] = -1;
	if (w == PLANT_PIPE_READ || w == PLANT_PIPE_WRITE) {
		if (pipe(r->fd[i]) < 0)
			die("pipe");
		if (w == PLANT_PIPE_WRITE)
			fill(r->fd[i][1]);
	} else if (w == PLANT_EVENTFD) {
		r->fd[i][0] = eventfd(0, 0);
	} else if (w == PLANT_ACCEPT) {
		r->fd[i][0] = listener();
	} else if (w == PLANT_FLOCK) {
		snprintf(r->path[i], sizeof(r->path[i]), "/tmp/snag-forest-%d-%u-XXXXXX", getpid(),
			 i);
		file = mkstemp(r->path[i]);
		if (file < 0)
			die("mkstemp");
		close(file);
	}
}

/* Does process `me` keep end `end` of the object that process `i` waits on? */
static bool keeps(const struct forest *f, uint32_t me, uint32_t i, int end)
{
	const struct plant *p = &f->plants[i];
	bool other = p->others & 1u << me;

	switch (p->wait) {
	case PLANT_PIPE_READ:
		return end == 0 ? me == i : other;
	case PLANT_PIPE_WRITE:
		return end == 1 ? me == i : other;
	case PLANT_EVENTFD:
		return other;
	case PLANT_ACCEPT:
		return me == i;
	default:
		return false;
	}
}

static void keep_own(const struct forest *f, const struct roots *r, uint32_t me)
{
	for (uint32_t i = 0; i < f->count; i++)
		for (int end = 0; end < 2; end++)
			if (r->fd[i][end] >= 0 && !keeps(f, me, i, end))
				close(r->fd[i][end]);
}

/* Take what others are to wait for; the descriptors of shared locks stay open until the end. */
static void take_locks(const struct forest *f, const struct roots *r, struct ground *g, uint32_t me)
{
	for (uint32_t i = 0; i < f->count; i++) {
		const struct plant *p = &f->plants[i];

		if (p->wait == PLANT_MUTEX && p->other == me)
			pthread_mutex_lock(&g->mutex[i]);
		if (p->wait == PLANT_FLOCK && p->others & 1u << me &&
		    flock(open(r->path[i], O_RDWR | O_CLOEXEC), LOCK_SH) < 0)
			die("flock");
	}
	atomic_fetch_add(&g->locked, 1);
	while (atomic_load(&g->locked) < f->count)
		nap();
}

static void block(const struct forest *f, const struct roots *r, struct ground *g, uint32_t me)
{
	const struct plant *p = &f->plants[me];
	uint64_t word = 0;
	int fd = r->fd[me][0];

	switch (p->wait) {
	case PLANT_PIPE_READ:
	case PLANT_EVENTFD:
		(void)!read(fd, &word, sizeof(word));
		break;
	case PLANT_PIPE_WRITE:
		(void)!write(r->fd[me][1], &word, sizeof(word));
		break;
	case PLANT_CHILD:
		waitpid(atomic_load(&g->pids[p->other]), NULL, 0);
		break;
	case PLANT_MUTEX:
		pthread_mutex_lock(&g->mutex[me]);
		break;
	case PLANT_FLOCK:
		flock(open(r->path[me], O_RDWR | O_CLOEXEC), LOCK_EX);
		break;
	case PLANT_SLEEP:
		nanosleep(&(struct timespec){ .tv_sec = 3600 }, NULL);
		break;
	case PLANT_ACCEPT:
		accept(fd, NULL, NULL);
		break;
	default:
		pause();
	}
}

__attribute__((noreturn)) static void live(const struct forest *f, const struct roots *r,
					   struct ground *g, uint32_t me)
{
	atomic_store(&g->pids[me], getpid());
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint32_t i = me + 1; i < f->count; i++) {
		pid_t child;

		if (f->plants[i].parent != me)
			continue;
		child = fork();
		if (child == 0)
			live(f, r, g, i);
		if (child < 0)
			die("fork");
	}
	keep_own(f, r, me);
	take_locks(f, r, g, me);
	atomic_fetch_add(&g->ready, 1);
	while (atomic_load(&g->ready) < f->count)
		nap();
	block(f, r, g, me);
	_exit(98);
}

static void make_mutexes(struct ground *g)
{
	pthread_mutexattr_t shared;

	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	for (int i = 0; i < FOREST_MAX; i++)
		pthread_mutex_init(&g->mutex[i], &shared);
}

__attribute__((noreturn)) static void be_root(const struct forest *f, struct ground *g)
{
	struct roots r;

	for (uint32_t i = 0; i < f->count; i++)
		make_object(f, &r, i);
	live(f, &r, g, 0);
}

static long expected_syscall(enum plant_wait wait)
{
	static const long numbers[] = {
		SYS_read,  SYS_write,		SYS_read,   SYS_wait4, SYS_futex,
		SYS_flock, SYS_clock_nanosleep, SYS_accept, SYS_pause
	};

	return numbers[wait];
}

static bool is_blocked(pid_t pid, long number)
{
	char path[64], text[64] = "";
	FILE *file;
	bool got;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	got = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	/* "running" and "-1 .." are no numbers of a system call */
	return got && text[0] != 'r' && strtol(text, NULL, 10) == number;
}

static bool all_blocked(const struct forest *f, const struct ground *g)
{
	if (atomic_load(&g->ready) < f->count)
		return false;
	for (uint32_t i = 0; i < f->count; i++)
		if (!is_blocked(atomic_load(&g->pids[i]), expected_syscall(f->plants[i].wait)))
			return false;
	return true;
}

int forest_grow(const struct forest *f, pid_t pids[FOREST_MAX])
{
	struct ground *g =
		mmap(NULL, sizeof(*g), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t root;
	bool up = false;

	if (g == MAP_FAILED)
		return -1;
	make_mutexes(g);
	root = fork();
	if (root == 0)
		be_root(f, g);
	for (int i = 0; root > 0 && i < 50000 && !up; i++) {
		up = all_blocked(f, g);
		if (!up)
			nap();
	}
	for (uint32_t i = 0; i < FOREST_MAX; i++)
		pids[i] = atomic_load(&g->pids[i]);
	munmap(g, sizeof(*g));
	if (up)
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

void forest_fell(const struct forest *f, const pid_t pids[FOREST_MAX])
{
	char path[64];

	for (uint32_t i = f->count; i-- > 0;)
		if (pids[i] > 0)
			kill(pids[i], SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	for (uint32_t i = 0; i < f->count; i++) {
		snprintf(path, sizeof(path), "rm -f /tmp/snag-forest-%d-%u-*", (int)pids[0], i);
		if (f->plants[i].wait == PLANT_FLOCK)
			(void)!system(path);
	}
}
