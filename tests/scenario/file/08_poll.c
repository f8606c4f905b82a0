/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poll, ppoll, select, pselect. snag must read the sets from the waiter's memory, follow each
 * descriptor, and know which of the calls would end by itself.
 */
#include "lib/scenario.h"

#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

struct dead_pipes {
	int in, out; /* read end and write end (full) of two pipes whose other ends a dead child has
		      */
	pid_t child;
};

static void pipe_fill(int fd)
{
	char bytes[4096] = { 0 };
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	while (poll(&p, 1, 0) == 1)
		must(write(fd, bytes, sizeof(bytes)));
}

static struct dead_pipes pipes_of_dead(void)
{
	int in[2], out[2];

	must(pipe(in));
	must(pipe(out));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(in[0]);
		close(out[1]);
		hang_dead(NULL);
	}
	close(in[1]);
	close(out[0]);
	pipe_fill(out[1]);
	return (struct dead_pipes){ .in = in[0], .out = out[1], .child = child };
}

static void truth_both(const struct dead_pipes *p)
{
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "poll", NULL, ANYBODY);
	truth_wait(getpid(), 0, "pipe-read", key_of_fd(p->in), p->child);
	truth_wait(getpid(), 0, "pipe-write", key_of_fd(p->out), p->child);
	truth_wait(p->child, 0, "pipe-read", NULL, p->child);
	truth_culprit(p->child, NULL);
	truth_ready();
}

static void truth_one(const struct dead_pipes *p, const char *verdict)
{
	truth_verdict(verdict, NULL);
	truth_hop(getpid(), 0, "poll", NULL, ANYBODY);
	truth_wait(getpid(), 0, "pipe-read", key_of_fd(p->in), p->child);
	truth_blocked(p->child, 0);
	truth_ready();
}

SCENARIO(poll_both, .what = "poll for input of one pipe and room in another")
{
	struct dead_pipes d = pipes_of_dead();
	struct pollfd p[] = { { .fd = d.in, .events = POLLIN },
			      { .fd = -1, .events = POLLIN },
			      { .fd = d.out, .events = POLLOUT } };

	truth_both(&d);
	poll(p, 3, -1);
}

/* There is room, but a read end does not tell: only that the last writer has gone. */
SCENARIO(poll_read_end, .what = "poll for room in the read end of a pipe whose writer is dead")
{
	struct pollfd fd = { .events = POLLOUT };
	pid_t writer;
	int p[2];

	must(pipe(p));
	writer = (pid_t)must(fork());
	if (writer == 0) {
		close(p[0]);
		hang_dead(NULL);
	}
	close(p[1]);
	fd.fd = p[0];
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), writer);
	truth_hop(writer, 0, "pipe-read", NULL, writer);
	truth_culprit(writer, NULL);
	truth_ready();
	poll(&fd, 1, -1);
	scenario_die("poll returned: events %#x", fd.revents);
}

SCENARIO(poll_day, .what = "poll with a time-out")
{
	struct dead_pipes d = pipes_of_dead();
	struct pollfd p = { .fd = d.in, .events = POLLIN };

	truth_one(&d, "waiting-with-timeout");
	poll(&p, 1, 86400000);
}

SCENARIO(ppoll_for_ever, .what = "ppoll without a time-out")
{
	struct dead_pipes d = pipes_of_dead();
	struct pollfd p = { .fd = d.in, .events = POLLIN };

	truth_one(&d, "deadlock");
	ppoll(&p, 1, NULL, NULL);
}

SCENARIO(ppoll_day, .what = "ppoll with a time-out")
{
	struct dead_pipes d = pipes_of_dead();
	struct pollfd p = { .fd = d.in, .events = POLLIN };

	truth_one(&d, "waiting-with-timeout");
	ppoll(&p, 1, &(struct timespec){ .tv_sec = 86400 }, NULL);
}

static int sets_of(const struct dead_pipes *d, fd_set *in, fd_set *out)
{
	FD_ZERO(in);
	FD_ZERO(out);
	FD_SET(d->in, in);
	FD_SET(d->out, out);
	return (d->in > d->out ? d->in : d->out) + 1;
}

SCENARIO(select_both, .what = "select for input of one pipe and room in another")
{
	struct dead_pipes d = pipes_of_dead();
	fd_set in, out;
	int n = sets_of(&d, &in, &out);

	truth_both(&d);
	select(n, &in, &out, NULL, NULL);
}

SCENARIO(select_day, .what = "select with a time-out")
{
	struct dead_pipes d = pipes_of_dead();
	fd_set in, out;
	int n = sets_of(&d, &in, &out);

	truth_one(&d, "waiting-with-timeout");
	select(n, &in, NULL, NULL, &(struct timeval){ .tv_sec = 86400 });
}

/* A descriptor above 64 lives in the second word of the set. */
SCENARIO(pselect_high_fd, .what = "pselect on a descriptor above 64")
{
	struct dead_pipes d = pipes_of_dead();
	fd_set in;

	must(dup2(d.in, 100));
	close(d.in);
	d.in = 100;
	FD_ZERO(&in);
	FD_SET(d.in, &in);
	truth_one(&d, "deadlock");
	pselect(101, &in, NULL, NULL, NULL, NULL);
}

/* The second thread runs into it as well: the focus is the first, the second must be there too. */
static void poll_thread(void *arg)
{
	struct pollfd p = { .fd = ((struct dead_pipes *)arg)->out, .events = POLLOUT };

	poll(&p, 1, -1);
}

SCENARIO(poll_two_threads, .what = "two threads poll different descriptors")
{
	struct dead_pipes d = pipes_of_dead();
	struct pollfd p = { .fd = d.in, .events = POLLIN };
	pid_t tid = spawn_thread(poll_thread, &d);

	truth_wait(getpid(), tid, "pipe-write", key_of_fd(d.out), d.child);
	truth_one(&d, "deadlock");
	poll(&p, 1, -1);
}

/* It wakes ten times a second, finds nothing and goes back: the time-outs are no progress. */
SCENARIO(poll_loop, .what = "a loop of short polls on a pipe that can never have input",
	 .moving = true)
{
	struct dead_pipes d = pipes_of_dead();
	struct pollfd p = { .fd = d.in, .events = POLLIN };

	truth_verdict("deadlock", NULL);
	truth_verdict("waiting-with-timeout", NULL);
	truth_blocked(d.child, 0);
	truth_ready();
	while (poll(&p, 1, 100) == 0)
		;
}
