/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll sets: plain, nested, shared by fork, with an item whose fd number now names another file,
 * with a spent one-shot item, and empty. snag must look through the set to the true objects and
 * report what is odd.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { A_DAY_MS = 86400000 };

static int epoll_new(void)
{
	return (int)must(epoll_create1(EPOLL_CLOEXEC));
}

static void epoll_add(int ep, int fd, uint32_t events)
{
	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &(struct epoll_event){ .events = events }));
}

static void epoll_block(int ep, int timeout_ms)
{
	struct epoll_event e;

	if (epoll_wait(ep, &e, 1, timeout_ms) < 0)
		scenario_die("epoll_wait: %m");
	scenario_die("epoll_wait returned: events %#x", e.events);
}

/* The read end of a pipe whose only writer is *writer, a child that can never go on. */
static int pipe_of_dead(pid_t *writer)
{
	int p[2];

	must(pipe(p));
	*writer = (pid_t)must(fork());
	if (*writer == 0) {
		close(p[0]);
		hang_dead(NULL);
	}
	close(p[1]);
	return p[0];
}

static void truth_reads_from(int fd, pid_t writer)
{
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(fd), writer);
	truth_hop(writer, 0, "pipe-read", NULL, writer);
	truth_culprit(writer, NULL);
}

SCENARIO(epoll_pipe, .what = "epoll on a pipe whose only writer can never go on")
{
	pid_t writer;
	int fd = pipe_of_dead(&writer), ep = epoll_new();

	epoll_add(ep, fd, EPOLLIN);
	truth_reads_from(fd, writer);
	truth_ready();
	epoll_block(ep, -1);
}

/* It learns of nothing but that the last reader has gone. */
SCENARIO(epoll_write_end, .what = "epoll waits for input of a write end, the reader is dead")
{
	int p[2], ep = epoll_new();
	pid_t reader;

	must(pipe2(p, O_CLOEXEC));
	reader = (pid_t)must(fork());
	if (reader == 0) {
		close(p[1]);
		close(ep);
		hang_dead(NULL);
	}
	close(p[0]);
	epoll_add(ep, p[1], EPOLLIN);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pipe-write", key_of_fd(p[1]), reader);
	truth_hop(reader, 0, "pipe-read", NULL, reader);
	truth_culprit(reader, NULL);
	truth_ready();
	epoll_block(ep, -1);
}

/* Both ends are here: which of them the set has, the number alone does not say. */
SCENARIO(epoll_both_ends, .what = "epoll waits for input of a write end whose read end it has too")
{
	int p[2], ep = epoll_new();

	must(pipe2(p, O_CLOEXEC));
	epoll_add(ep, p[1], EPOLLIN);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pipe-write", key_of_fd(p[1]), getpid());
	truth_ready();
	epoll_block(ep, -1);
}

/* A thread that sleeps may well add what is ready, and then the other one goes on. */
static void adds_later(void *unused)
{
	(void)unused;
	for (;;)
		sleep(100000);
}

SCENARIO(epoll_sibling, .what = "the same epoll, but another thread of the process lives on")
{
	int p[2];
	pid_t child;
	struct epoll_event e = { .events = EPOLLIN };
	int ep = (int)must(epoll_create1(EPOLL_CLOEXEC));

	must(pipe(p));
	child = spawn_child(hang_dead, NULL);
	close(p[1]);
	must(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e));
	spawn_thread(adds_later, NULL);
	truth_verdict("deadlock", "probable"); /* no proof: that thread can change the set */
	truth_blocked(getpid(), 0);
	truth_blocked(child, 0);
	truth_ready();
	epoll_wait(ep, &e, 1, -1);
}

SCENARIO(epoll_timeout, .what = "the same epoll with a time-out")
{
	pid_t writer;
	int fd = pipe_of_dead(&writer), ep = epoll_new();

	epoll_add(ep, fd, EPOLLIN);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "poll", NULL, ANYBODY);
	truth_wait(getpid(), 0, "pipe-read", key_of_fd(fd), writer);
	truth_blocked(writer, 0);
	truth_ready();
	epoll_block(ep, A_DAY_MS);
}

SCENARIO(epoll_nested, .what = "an epoll set inside an epoll set, a pipe in the inner one")
{
	pid_t writer;
	int fd = pipe_of_dead(&writer), inner = epoll_new(), outer = epoll_new();

	epoll_add(inner, fd, EPOLLIN);
	epoll_add(outer, inner, EPOLLIN);
	truth_reads_from(fd, writer);
	truth_ready();
	epoll_block(outer, -1);
}

/* A regular file cannot be polled, an eventfd that is only our own never fires: the pipe decides.
 */
SCENARIO(epoll_many,
	 .what = "epoll on several descriptors, the only living one is of another process")
{
	char *argv[] = { (char *)"sleep", (char *)"100000", NULL };
	pid_t writer;
	int fd = pipe_of_dead(&writer), ep = epoll_new(), p[2];

	must(pipe2(p, O_CLOEXEC));
	pid_t sleeper = spawn_program_on(argv, -1, p[1], -1);
	close(p[1]);
	epoll_add(ep, fd, EPOLLIN);
	epoll_add(ep, (int)must(eventfd(0, EFD_CLOEXEC)), EPOLLIN);
	epoll_add(ep, p[0], EPOLLIN);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), sleeper);
	truth_hop(sleeper, 0, "sleep", NULL, ANYBODY);
	truth_wait(getpid(), 0, "pipe-read", key_of_fd(fd), writer);
	truth_wait(getpid(), 0, "eventfd", NULL, ANYBODY);
	truth_blocked(writer, 0);
	truth_ready();
	epoll_block(ep, -1);
}

/* After fork both have one set: what one removes is gone for the other. */
SCENARIO(epoll_shared, .what = "parent and child wait in one epoll instance shared by fork")
{
	pid_t writer;
	int fd = pipe_of_dead(&writer), ep = epoll_new();

	epoll_add(ep, fd, EPOLLIN);
	pid_t child = (pid_t)must(fork());
	if (child == 0)
		epoll_block(ep, -1);
	truth_reads_from(fd, writer);
	truth_wait(child, 0, "pipe-read", key_of_fd(fd), writer);
	truth_finding("epoll-shared", 0);
	truth_ready();
	epoll_block(ep, -1);
}

/* The item keeps the number it was added under; that number is /dev/null by now, the pipe lives on
 * as another. */
SCENARIO(epoll_stale, .what = "an epoll item whose fd number names another file now")
{
	pid_t writer;
	int fd = pipe_of_dead(&writer), ep = epoll_new();

	epoll_add(ep, fd, EPOLLIN);
	int kept = (int)must(dup(fd));
	close(fd);
	int reused = (int)must(open("/dev/null", O_RDONLY));
	if (reused != fd)
		scenario_die("fd %d instead of %d", reused, fd);
	truth_reads_from(kept, writer);
	truth_finding("epoll-stale", getpid());
	truth_ready();
	epoll_block(ep, -1);
}

/* The pipe is readable, but the one-shot item has fired: it never fires again. */
SCENARIO(epoll_oneshot_spent, .what = "a spent one-shot item hides a readable pipe")
{
	int ep = epoll_new(), p[2];
	struct epoll_event e;

	must(pipe(p));
	must(write(p[1], "x", 1));
	epoll_add(ep, p[0], EPOLLIN | EPOLLONESHOT);
	if (epoll_wait(ep, &e, 1, 0) != 1)
		scenario_die("the item does not fire");
	truth_verdict("deadlock", NULL);
	truth_not("progressing");
	truth_hop(getpid(), 0, "poll", NULL, ANYBODY);
	truth_finding("epoll-oneshot-spent|epoll-spent|unread-data", getpid());
	truth_ready();
	epoll_block(ep, -1);
}

SCENARIO(epoll_empty, .what = "epoll_wait on an empty set that nobody else has")
{
	int ep = epoll_new();

	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "poll", NULL, ANYBODY);
	truth_culprit(getpid(), NULL);
	truth_ready();
	epoll_block(ep, -1);
}

SCENARIO(epoll_pwait2_day, .what = "epoll_pwait2 with a time-out")
{
	pid_t writer;
	int fd = pipe_of_dead(&writer), ep = epoll_new();
	struct epoll_event e;

	epoll_add(ep, fd, EPOLLIN);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "poll", NULL, ANYBODY);
	truth_blocked(writer, 0);
	truth_ready();
	epoll_pwait2(ep, &e, 1, &(struct timespec){ .tv_sec = 86400 }, NULL);
}
