/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pseudo-terminals and job control. snag must pair master and slave, and tell a background process
 * that was stopped by its terminal from one that waits.
 */
#include "lib/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct pty {
	int master, slave;
};

/* A new pair; O_NOCTTY leaves the session without a terminal. Raw, so that no line discipline
 * answers. */
static struct pty pty_open(void)
{
	struct pty p = { .master = (int)must(posix_openpt(O_RDWR | O_NOCTTY)) };
	struct termios t;

	must(grantpt(p.master));
	must(unlockpt(p.master));
	p.slave = (int)must(open(ptsname(p.master), O_RDWR | O_NOCTTY));
	must(tcgetattr(p.slave, &t));
	cfmakeraw(&t);
	must(tcsetattr(p.slave, TCSANOW, &t));
	return p;
}

static void read_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
}

SCENARIO(pty_slave_vtime, .what = "a child's read of its terminal ends by its VTIME")
{
	struct pty p = pty_open();
	struct termios t;
	pid_t child;

	must(tcgetattr(p.slave, &t));
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 255;
	must(tcsetattr(p.slave, TCSANOW, &t));
	child = (pid_t)must(fork());
	if (child == 0) {
		close(p.master);
		read_byte(p.slave);
	}
	close(p.slave);
	truth_verdict("waiting-with-timeout", "proven");
	truth_blocked(getpid(), 0);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(pty_slave_read, .what = "a child reads its terminal, whose master waits for the child")
{
	struct pty p = pty_open();
	pid_t child = (pid_t)must(fork());

	if (child == 0) {
		close(p.master);
		read_byte(p.slave);
	}
	close(p.slave);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "pty", NULL, getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}

SCENARIO(pty_master_read, .what = "a master is read whose only slave holder can never go on")
{
	struct pty p = pty_open();
	pid_t child = (pid_t)must(fork());

	if (child == 0) {
		close(p.master);
		hang_dead(NULL);
	}
	close(p.slave);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "pty", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	read_byte(p.master);
}

SCENARIO(pty_slave_write, .what = "a child writes to a full terminal that nobody reads")
{
	struct pty p = pty_open();
	pid_t child = (pid_t)must(fork());

	if (child == 0) {
		static char bytes[4096];

		close(p.master);
		while (write(p.slave, bytes, sizeof(bytes)) > 0)
			;
		scenario_die("write: %m");
	}
	close(p.slave);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "pty", NULL, getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}

/* The job must not be stopped before it has a group of its own: it makes the group itself, then
 * reads. */
SCENARIO(tty_background_read,
	 .what = "a background job stopped by SIGTTIN, its shell waits for its exit")
{
	struct pty p = pty_open();

	must(ioctl(p.slave, TIOCSCTTY, 0));
	must(tcsetpgrp(p.slave, getpgrp()));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		must(setpgid(0, 0));
		close(p.master);
		read_byte(p.slave);
	}
	truth_verdict("stopped", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "stop|tty", NULL, ANYBODY);
	truth_ready();
	waitpid(child, NULL, 0);
}
