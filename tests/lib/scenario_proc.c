/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the runner needs of /proc: stamps of threads, children, and the end of everything that was
 * started.
 */
#include "scenario_harness.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_DESCENDANTS = 4096 };

static const uint64_t kill_limit_ns = 10000000000ull;

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

void poll_pause(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

static ssize_t file_read(const char *path, char *to, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;

	if (fd < 0)
		return -1;
	while (got < size - 1) {
		ssize_t n = read(fd, to + got, size - 1 - got);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	to[got] = '\0';
	return (ssize_t)got;
}

bool proc_thread_stamp(pid_t pid, pid_t tid, char *state, char *stamp, size_t size)
{
	char path[64], line[1024];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
	if (file_read(path, line, sizeof(line)) < 0)
		return false;
	snprintf(stamp, size, "%s", line);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	if (file_read(path, line, sizeof(line)) < 0)
		return false;
	const char *close = strrchr(line, ')');
	if (!close || strlen(close) < 3)
		return false;
	*state = close[2];
	return true;
}

static size_t children_of_thread(const char *path, pid_t *children, size_t max)
{
	static char list[65536];
	size_t n = 0;

	if (file_read(path, list, sizeof(list)) < 0)
		return 0;
	for (char *at = list, *end; n < max; at = end) {
		long pid = strtol(at, &end, 10);

		if (end == at)
			break;
		if (pid > 0)
			children[n++] = (pid_t)pid;
	}
	return n;
}

size_t proc_children(pid_t pid, pid_t *children, size_t max)
{
	char path[320];
	size_t n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	_cleanup_closedir_ DIR *tasks = opendir(path);
	for (struct dirent *d; tasks && n < max && (d = readdir(tasks));) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, d->d_name);
		n += children_of_thread(path, children + n, max - n);
	}
	return n;
}

static bool pid_in(pid_t pid, const pid_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == pid)
			return true;
	return false;
}

/* Breadth first, so that no recursion runs on what the kernel lists. */
static size_t descendants(const pid_t *keep, size_t n_keep, pid_t *all, size_t max)
{
	size_t n = 0;
	pid_t direct[MAX_DESCENDANTS];
	size_t n_direct = proc_children(getpid(), direct, MAX_DESCENDANTS);

	for (size_t i = 0; i < n_direct && n < max; i++)
		if (!pid_in(direct[i], keep, n_keep))
			all[n++] = direct[i];
	for (size_t i = 0; i < n && n < max; i++)
		n += proc_children(all[i], all + n, max - n);
	return n;
}

bool proc_kill_descendants(const pid_t *keep, size_t n_keep)
{
	uint64_t end = now_ns() + kill_limit_ns;
	static pid_t all[MAX_DESCENDANTS];

	for (;;) {
		size_t n = descendants(keep, n_keep, all, MAX_DESCENDANTS);

		if (n == 0)
			return true;
		for (size_t i = 0; i < n; i++)
			if (kill(all[i], SIGKILL) < 0 && errno == EPERM)
				return false;
		for (size_t i = 0; i < n; i++)
			waitpid(all[i], NULL, WNOHANG | __WALL);
		if (now_ns() > end)
			return false;
		poll_pause();
	}
}
