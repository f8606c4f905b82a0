/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What patients need to build a tree: forks, threads, programs, keys of objects, and waiting for a
 * condition.
 */
#include "scenario_harness.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RING_SLOTS = 32, RING_SIZE = 512 };

static const uint64_t wait_limit_ns = 10000000000ull;

void scenario_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(truth_page->failed, sizeof(truth_page->failed), format, args);
	va_end(args);
	_exit(99);
}

void scenario_skip(const char *capability, const char *why)
{
	snprintf(truth_page->lacking, sizeof(truth_page->lacking), "%s", capability);
	scenario_die("%s: %s", capability, why);
}

long scenario_must(long result, const char *call, const char *file, int line)
{
	if (result < 0)
		scenario_die("%s:%d: %s: %s", file, line, call, strerror(errno));
	return result;
}

const char *text(const char *format, ...)
{
	static char ring[RING_SLOTS][RING_SIZE];
	static unsigned next;
	char *slot = ring[__atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % RING_SLOTS];
	va_list args;

	va_start(args, format);
	int length = vsnprintf(slot, RING_SIZE, format, args);
	va_end(args);
	if (length >= RING_SIZE)
		scenario_die("text of %d bytes is too long", length);
	return slot;
}

pid_t self_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

void hang(void *unused)
{
	(void)unused;
	for (;;)
		pause();
}

void hang_dead(void *unused)
{
	int fds[2];
	char byte;

	(void)unused;
	must(pipe(fds));
	for (;;)
		if (read(fds[0], &byte, 1) < 0 && errno != EINTR)
			scenario_die("hang_dead: read: %m");
}

pid_t spawn_child(void (*fn)(void *), void *arg)
{
	pid_t pid = (pid_t)must(fork());

	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	return pid;
}

struct session_start {
	void (*fn)(void *);
	void *arg;
};

static void session_main(void *arg)
{
	struct session_start *start = arg;

	must(setsid());
	start->fn(start->arg);
}

pid_t spawn_session(void (*fn)(void *), void *arg)
{
	struct session_start start = { fn, arg };

	return spawn_child(session_main, &start);
}

struct thread_start {
	void (*fn)(void *);
	void *arg;
	pid_t tid;
	sem_t started;
};

static void *thread_main(void *arg)
{
	struct thread_start *start = arg;
	void (*fn)(void *) = start->fn;
	void *fn_arg = start->arg;

	start->tid = self_tid();
	sem_post(&start->started); /* `start` is the spawner's stack: gone after this */
	fn(fn_arg);
	return NULL;
}

pid_t spawn_thread(void (*fn)(void *), void *arg)
{
	struct thread_start start = { .fn = fn, .arg = arg };
	pthread_t thread;

	must(sem_init(&start.started, 0, 0));
	int rc = pthread_create(&thread, NULL, thread_main, &start);
	if (rc != 0)
		scenario_die("pthread_create: %s", strerror(rc));
	while (sem_wait(&start.started) < 0)
		if (errno != EINTR)
			scenario_die("sem_wait: %m");
	pthread_detach(thread);
	return start.tid;
}

pid_t spawn_program(char *const argv[])
{
	return spawn_program_on(argv, -1, -1, -1);
}

/* In the child: put `from` at `to` even when it sits there already with CLOEXEC. */
static void fd_place(int from, int to)
{
	if (from < 0)
		return;
	if (from == to)
		fcntl(to, F_SETFD, 0);
	else if (dup2(from, to) < 0)
		_exit(98);
}

/* Source fds below 3 would be overwritten by their neighbours: move them up first. */
static int fd_lift(int fd)
{
	return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

pid_t spawn_program_on(char *const argv[], int in, int out, int err)
{
	int told[2];
	int error = 0;

	must(pipe2(told, O_CLOEXEC));
	pid_t pid = (pid_t)must(fork());
	if (pid == 0) {
		int lifted[4] = { fd_lift(in), fd_lift(out), fd_lift(err), fd_lift(told[1]) };

		fd_place(lifted[0], 0);
		fd_place(lifted[1], 1);
		fd_place(lifted[2], 2);
		fd_place(lifted[3], 3);
		fcntl(3, F_SETFD, FD_CLOEXEC);
		syscall(SYS_close_range, 4, ~0u, 0);
		execvp(argv[0], argv);
		error = errno;
		if (write(3, &error, sizeof(error)) < 0)
			_exit(97);
		_exit(127);
	}
	close(told[1]);
	ssize_t n = read(told[0], &error, sizeof(error)); /* end of file: the exec has happened */
	close(told[0]);
	if (n > 0)
		scenario_die("exec of %s: %s", argv[0], strerror(error));
	return pid;
}

/* Anonymous inodes share one st_ino: their key comes from fdinfo (WAITS 30), else from the link
 * alone. */
static const char *key_of_anon(pid_t pid, int fd, const char *link)
{
	static const char *const ids[][2] = {
		{ "anon_inode:[eventfd]", "eventfd-id" },
		{ "anon_inode:[pidfd]", "Pid" },
	};
	_cleanup_fclose_ FILE *f = fopen(text("/proc/%d/fdinfo/%d", pid, fd), "re");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
			size_t n = strlen(ids[i][1]);

			if (strcmp(link, ids[i][0]) == 0 && strncmp(line, ids[i][1], n) == 0)
				return text("%s:[%d]", i ? "pidfd" : "eventfd", atoi(line + n + 1));
		}
	}
	return text("%s", link);
}

const char *key_of_fd_in(pid_t pid, int fd)
{
	char link[256];
	ssize_t n = must(readlink(text("/proc/%d/fd/%d", pid, fd), link, sizeof(link) - 1));

	link[n] = '\0';
	if (strncmp(link, "anon_inode:", 11) == 0)
		return key_of_anon(pid, fd, link);
	return text("%s", link);
}

const char *key_of_fd(int fd)
{
	return key_of_fd_in(getpid(), fd);
}

void wait_until(bool (*cond)(void *), void *arg, const char *what)
{
	uint64_t end = now_ns() + wait_limit_ns;

	while (!cond(arg)) {
		if (now_ns() > end)
			scenario_die("not within 10 s: %s", what);
		poll_pause();
	}
}

void wait_blocked(pid_t pid, pid_t tid)
{
	uint64_t end = now_ns() + wait_limit_ns;
	char last[96] = "", stamp[96], state = '?';
	int equal = 0;

	while (equal < 4) {
		if (!proc_thread_stamp(pid, tid ? tid : pid, &state, stamp, sizeof(stamp)))
			scenario_die("wait_blocked: process %d thread %d is gone", pid, tid);
		equal = state != 'R' && strcmp(last, stamp) == 0 ? equal + 1 : 0;
		memcpy(last, stamp, sizeof(last));
		if (now_ns() > end)
			scenario_die("not blocked within 10 s: %d/%d, state %c", pid, tid, state);
		poll_pause();
	}
}

static bool comm_is(pid_t pid, const char *comm)
{
	_cleanup_fclose_ FILE *f = fopen(text("/proc/%d/comm", pid), "re");
	char line[64] = "";

	if (!f || !fgets(line, sizeof(line), f))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return !comm || strcmp(line, comm) == 0;
}

pid_t wait_child(pid_t pid, const char *comm)
{
	uint64_t end = now_ns() + wait_limit_ns;

	for (;;) {
		pid_t children[256];
		size_t n = proc_children(pid, children, 256);

		for (size_t i = 0; i < n; i++)
			if (comm_is(children[i], comm))
				return children[i];
		if (now_ns() > end)
			scenario_die("%d has no child %s within 10 s", pid, comm ? comm : "");
		poll_pause();
	}
}

/* What is read of a process, and the call that it shall be in. */
struct calling {
	const char *path;
	long nr;
};

static bool is_in_call(void *arg)
{
	const struct calling *c = arg;
	_cleanup_fclose_ FILE *f = fopen(c->path, "re");
	long nr;

	return f && fscanf(f, "%ld", &nr) == 1 && nr == c->nr;
}

void wait_call(pid_t pid, long nr)
{
	struct calling c = { text("/proc/%d/syscall", pid), nr };

	wait_until(is_in_call, &c, text("process %d is in system call %ld", pid, nr));
}

static bool is_there(void *arg)
{
	return !access(arg, F_OK);
}

pid_t wait_number(const char *path)
{
	_cleanup_fclose_ FILE *f = NULL;
	pid_t number = 0;

	wait_until(is_there, (char *)path, path);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &number) != 1)
		scenario_die("%s: no number in it", path);
	return number;
}
