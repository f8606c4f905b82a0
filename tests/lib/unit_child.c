/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_child.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 5000 }; /* of a millisecond */

int32_t child_start(void (*fn)(void *arg), void *arg)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int32_t parent = getpid(), tgid = fork();

	cr_assert_geq(tgid, 0);
	if (tgid) {
		close(null);
		return tgid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The runner's pipes have more holders than a test can know of. */
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
	if (getppid() != parent)
		_exit(1);
	fn(arg);
	_exit(0);
}

static bool read_file(int32_t tgid, int32_t tid, const char *name, char text[1024])
{
	char path[64];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", tgid, tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, 1023);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

void child_wait_syscall(int32_t tgid, int32_t tid, int nr)
{
	char text[1024] = "", want[16];

	snprintf(want, sizeof(want), "%d ", nr);
	for (int i = 0; i < TRIES; i++) {
		if (read_file(tgid, tid, "syscall", text) && !strncmp(text, want, strlen(want)))
			return;
		usleep(1000);
	}
	cr_assert(false, "thread %d is not in system call %d but in %s", tid, nr, text);
}

void child_wait_state(int32_t tgid, int32_t tid, char state)
{
	char text[1024] = "";

	for (int i = 0; i < TRIES; i++) {
		char *end = read_file(tgid, tid, "stat", text) ? strrchr(text, ')') : NULL;

		if (end && end[1] && end[2] == state)
			return;
		usleep(1000);
	}
	cr_assert(false, "thread %d is not in state %c: %s", tid, state, text);
}

/* A thread other than the leader, 0 if there is none. */
static int32_t other_thread(int32_t tgid)
{
	char path[64];
	int32_t found = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", tgid);
	dir = opendir(path);
	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
		if (atoi(e->d_name) > 0 && atoi(e->d_name) != tgid)
			found = atoi(e->d_name);
	if (dir)
		closedir(dir);
	return found;
}

int32_t child_wait_thread(int32_t tgid)
{
	for (int i = 0; i < TRIES; i++) {
		int32_t tid = other_thread(tgid);

		if (tid)
			return tid;
		usleep(1000);
	}
	cr_assert(false, "process %d has no second thread", tgid);
	return 0;
}

void child_end(int32_t tgid)
{
	kill(tgid, SIGKILL);
	waitpid(tgid, NULL, 0);
}
