/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes. snag must find the holders of the other end, on both sides, and name the one descriptor
 * whose closing would free the reader.
 */
#include "lib/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
}

/* Blocks in write as soon as the pipe is full. */
static void write_for_ever(int fd)
{
	char bytes[4096];

	memset(bytes, 'x', sizeof(bytes));
	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	scenario_die("write: %m");
}

/* Two processes, two pipes, each reads what the other never writes. */
SCENARIO(pipe_ring, .what = "two processes read from each other")
{
	int down[2], up[2];

	must(pipe(down));
	must(pipe(up));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(down[1]);
		close(up[0]);
		read_byte(down[0]);
	}
	close(up[1]);
	close(down[0]);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(up[0]), child);
	truth_hop(child, 0, "pipe-read", key_of_fd(down[1]), getpid());
	truth_ready();
	read_byte(up[0]);
}

SCENARIO(pipe_read_dead_writer, .what = "a reader whose only writer can never go on")
{
	int p[2];

	must(pipe(p));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(p[0]);
		hang_dead(NULL);
	}
	close(p[1]);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	read_byte(p[0]);
}

/* The second writer is alive: it sleeps, and will end, and then it is only the first that holds the
 * end. */
SCENARIO(pipe_read_two_writers,
	 .what = "a reader with a dead writer and one that sleeps: not a deadlock")
{
	int p[2];
	char *argv[] = { (char *)"sleep", (char *)"100000", NULL };

	must(pipe2(p, O_CLOEXEC));
	pid_t dead = (pid_t)must(fork());
	if (dead == 0) {
		close(p[0]);
		hang_dead(NULL);
	}
	pid_t sleeper = spawn_program_on(argv, -1, p[1], -1);
	close(p[1]);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), sleeper);
	truth_hop(sleeper, 0, "sleep", NULL, ANYBODY);
	truth_wait(getpid(), 0, "pipe-read", key_of_fd(p[0]), dead);
	truth_blocked(dead, 0);
	truth_ready();
	read_byte(p[0]);
}

SCENARIO(pipe_write_full, .what = "a writer of a full pipe whose only reader can never go on")
{
	int p[2];

	must(pipe(p));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(p[1]);
		hang_dead(NULL);
	}
	close(p[0]);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-write", key_of_fd(p[1]), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	write_for_ever(p[1]);
}

/* The classic of subprocess: the parent fills the child's stdin, the child fills the parent's pipe.
 */
SCENARIO(subprocess_both_full,
	 .what = "parent writes to the child's stdin, child writes to its stdout, both full")
{
	int in[2], out[2];

	must(pipe(in));
	must(pipe(out));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		must(dup2(in[0], 0));
		must(dup2(out[1], 1));
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		write_for_ever(1);
	}
	close(in[0]);
	close(out[1]);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-write", key_of_fd(in[1]), child);
	truth_hop(child, 0, "pipe-write", key_of_fd(out[0]), getpid());
	truth_ready();
	write_for_ever(in[1]);
}

/* subprocess with wait() before read(): the child cannot end, for nobody empties its stdout. */
SCENARIO(wait_before_read,
	 .what = "a parent waits for a child whose stdout pipe only the parent could empty")
{
	int out[2];

	must(pipe(out));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(out[0]);
		write_for_ever(out[1]);
	}
	close(out[1]);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "pipe-write", key_of_fd(out[0]), getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(pipe_read_own_writer, .what = "the only holder of the write end is the reader itself")
{
	int p[2];

	must(pipe(p));
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), getpid());
	truth_culprit(getpid(), NULL);
	truth_says("close fd %d in pid %d", p[1], getpid());
	truth_ready();
	read_byte(p[0]);
}

/*
 * $(command &): the command is done, the grandchild it left in the background inherited the pipe,
 * never writes to it and waits for something of its own.
 */
SCENARIO(stray_writer,
	 .what = "a stray grandchild keeps the write end of a pipe that its family reads")
{
	volatile pid_t *stray = shared_page();
	int p[2];

	must(pipe(p));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(p[0]);
		*stray = spawn_child(hang_dead, NULL);
		_exit(0);
	}
	must(waitpid(child, NULL, 0));
	close(p[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), *stray);
	truth_culprit(*stray, NULL);
	truth_actor(*stray, 0, "fork");
	truth_says("close fd %d in pid %d", p[1], *stray);
	truth_ready();
	read_byte(p[0]);
}

static void background_sleep(int write_end)
{
	char *argv[] = { (char *)"sleep", (char *)"100000", NULL };

	dup2(write_end, 1);
	must(spawn_program_on(argv, -1, 1, -1));
	_exit(0);
}

/* As in a shell, with sleep: it will end, in a day. The advice is the same. */
SCENARIO(stray_sleep, .what = "a background sleep keeps stdout of its gone parent open")
{
	int p[2];

	must(pipe2(p, O_CLOEXEC));
	pid_t middle = (pid_t)must(fork());
	if (middle == 0)
		background_sleep(p[1]);
	must(waitpid(middle, NULL, 0));
	close(p[1]);
	pid_t sleeper = wait_child(getppid(), "sleep");
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), sleeper);
	truth_hop(sleeper, 0, "sleep", NULL, ANYBODY);
	truth_culprit(sleeper, NULL);
	truth_says("close fd 1 in pid %d", sleeper);
	truth_ready();
	read_byte(p[0]);
}
