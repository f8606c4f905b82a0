/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only write end of a pipe travels in a unix socket's queue: no process has it, yet the reader
 * gets no end of file. snag must find who could take it out of the socket, or say that it cannot
 * know.
 */
#include "lib/scenario.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fd_send(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec v = { .iov_base = (char *)"x", .iov_len = 1 };
	struct msghdr m = { .msg_iov = &v,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	must(sendmsg(sock, &m, 0));
}

SCENARIO(fd_in_flight,
	 .what = "the only writer of a pipe is a descriptor in flight to a dead process")
{
	int p[2], s[2];
	char byte;

	must(pipe(p));
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	fd_send(s[0], p[1]);
	close(p[1]);
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(s[0]);
		close(p[0]);
		hang_dead(NULL);
	}
	close(s[1]);
	truth_verdict("deadlock", NULL);
	truth_verdict_procfs("undetermined", NULL);
	truth_hop(getpid(), 0, "pipe-read", key_of_fd(p[0]), ANYBODY);
	truth_blocked(child, 0);
	truth_ready();
	if (read(p[0], &byte, 1) < 0)
		scenario_die("read: %m");
}
