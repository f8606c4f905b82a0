/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix stream and seqpacket sockets. snag must find the process at the other end by the peer's
 * inode, the listener of a connection that nobody accepted, and the listener whose backlog is full.
 * SO_PEERCRED would name the creator, who may be dead.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void read_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
	scenario_die("read returned");
}

static void write_until_full(int fd)
{
	static char bytes[4096];

	while (write(fd, bytes, sizeof(bytes)) > 0)
		;
	scenario_die("write: %m");
}

/* Our end of a pair whose other end a child has that can never go on. */
static int pair_with_dead(int type, pid_t *child)
{
	int s[2];

	must(socketpair(AF_UNIX, type, 0, s));
	*child = (pid_t)must(fork());
	if (*child == 0) {
		close(s[0]);
		hang_dead(NULL);
	}
	close(s[1]);
	return s[0];
}

static void truth_dead_peer(const char *kind, int fd, pid_t child)
{
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, kind, key_of_fd(fd), child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
}

SCENARIO(unix_stream_read, .what = "a read of a socket whose peer can never go on")
{
	pid_t child;
	int fd = pair_with_dead(SOCK_STREAM, &child);

	truth_dead_peer("unix-recv", fd, child);
	read_byte(fd);
}

SCENARIO(unix_seqpacket_read, .what = "the same with seqpacket")
{
	pid_t child;
	int fd = pair_with_dead(SOCK_SEQPACKET, &child);

	truth_dead_peer("unix-recv", fd, child);
	read_byte(fd);
}

SCENARIO(unix_stream_send, .what = "a write to a socket whose peer reads nothing")
{
	pid_t child;
	int fd = pair_with_dead(SOCK_STREAM, &child);

	truth_dead_peer("unix-send", fd, child);
	write_until_full(fd);
}

SCENARIO(unix_seqpacket_send, .what = "the same with seqpacket")
{
	pid_t child;
	int fd = pair_with_dead(SOCK_SEQPACKET, &child);

	truth_dead_peer("unix-send", fd, child);
	write_until_full(fd);
}

/* No file of /proc shows the time-out: the procfs reader asks the socket. */
SCENARIO(unix_read_timeout, .what = "a read of a socket that has a time-out of its own")
{
	pid_t child;
	int fd = pair_with_dead(SOCK_STREAM, &child);
	struct timeval day = { .tv_sec = 86400 };

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &day, sizeof(day)));
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(fd), child);
	truth_blocked(child, 0);
	truth_ready();
	read_byte(fd);
}

/* Each expects the other to speak first. */
SCENARIO(unix_both_read, .what = "a connection at both of whose ends somebody reads")
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(s[0]);
		read_byte(s[1]);
	}
	close(s[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(s[0]), child);
	truth_hop(child, 0, "unix-recv", NULL, getpid());
	truth_ready();
	read_byte(s[0]);
}

SCENARIO(unix_both_send, .what = "both ends write and nobody reads")
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid_t child = (pid_t)must(fork());
	if (child == 0) {
		close(s[0]);
		write_until_full(s[1]);
	}
	close(s[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-send", key_of_fd(s[0]), child);
	truth_hop(child, 0, "unix-send", NULL, getpid());
	truth_ready();
	write_until_full(s[0]);
}

SCENARIO(unix_sleeping_peer, .what = "a read of a socket whose peer sleeps")
{
	char *argv[] = { (char *)"sleep", (char *)"100000", NULL };
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s));
	pid_t child = spawn_program_on(argv, s[1], -1, -1);
	close(s[1]);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(s[0]), child);
	truth_hop(child, 0, "sleep", NULL, ANYBODY);
	truth_culprit(child, NULL);
	truth_ready();
	read_byte(s[0]);
}

/* The one who made the pair is dead: only its child has the far end. */
static void heir_of_pair(void *arg)
{
	int *s = arg;
	pid_t heir = (pid_t)must(fork());

	if (heir == 0) {
		close(s[0]);
		hang_dead(NULL);
	}
	_exit(0);
}

SCENARIO(unix_creator_dead, .what = "the peer's creator is dead, an heir of it holds the socket")
{
	int s[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid_t between = spawn_child(heir_of_pair, s);
	must(waitpid(between, NULL, 0));
	close(s[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(s[0]), ANYBODY);
	truth_ready();
	read_byte(s[0]);
}

/* ---- listeners ------------------------------------------------------------------------------ */

static socklen_t address_of(struct sockaddr_un *un, const char *name)
{
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	if (name[0] == '@') {
		memcpy(un->sun_path + 1, name + 1, strlen(name) - 1);
		return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	}
	strncpy(un->sun_path, name, sizeof(un->sun_path) - 1);
	return sizeof(*un);
}

/* A listener that only a child has, which can never go on. */
static pid_t dead_listener(const char *name, int type, int backlog)
{
	struct sockaddr_un un;
	socklen_t len = address_of(&un, name);
	int fd = (int)must(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));

	must(bind(fd, (struct sockaddr *)&un, len));
	must(listen(fd, backlog));
	pid_t child = spawn_child(hang_dead, NULL);
	close(fd);
	return child;
}

static int connect_to(const char *name, int type)
{
	struct sockaddr_un un;
	socklen_t len = address_of(&un, name);
	int fd = (int)must(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));

	if (connect(fd, (struct sockaddr *)&un, len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void read_unaccepted(const char *name, int type)
{
	pid_t child = dead_listener(name, type, 5);
	int fd = connect_to(name, type);

	must(fd);
	truth_dead_peer("unix-recv", fd, child);
	read_byte(fd);
}

SCENARIO(unix_not_accepted, .what = "a read of a connection that nobody accepted")
{
	read_unaccepted(text("%s/socket", scenario_dir()), SOCK_STREAM);
}

SCENARIO(unix_not_accepted_abstract, .what = "the same by an abstract name, seqpacket")
{
	read_unaccepted(text("@snag-%d", getpid()), SOCK_SEQPACKET);
}

/* The last connect of these blocks. */
static void connect_until_full(const char *name)
{
	pid_t child = dead_listener(name, SOCK_STREAM, 1);

	while (connect_to(name, SOCK_STREAM | SOCK_NONBLOCK) >= 0)
		;
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "unix-connect", NULL, child);
	truth_hop(child, 0, "pipe-read", NULL, child);
	truth_culprit(child, NULL);
	truth_ready();
	connect_to(name, SOCK_STREAM);
	scenario_die("connect returned: %m");
}

SCENARIO(unix_connect_full, .what = "connect to a listener whose backlog is full")
{
	connect_until_full(text("%s/socket", scenario_dir()));
}

SCENARIO(unix_connect_full_abstract, .what = "the same by an abstract name")
{
	connect_until_full(text("@snag-%d", getpid()));
}

SCENARIO(unix_connect_full_relative, .what = "the same by a path relative to the directory")
{
	must(chdir(scenario_dir()));
	connect_until_full("socket");
}

static void accept_main(void *arg)
{
	accept(*(int *)arg, NULL, NULL);
}

static void truth_idle_listener(const char *name)
{
	struct sockaddr_un un;
	socklen_t len = address_of(&un, name);
	int fd = (int)must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	must(bind(fd, (struct sockaddr *)&un, len));
	must(listen(fd, 5));
	truth_verdict("idle", NULL);
	truth_hop(getpid(), 0, "accept", key_of_fd(fd), ANYBODY);
	truth_ready();
	accept_main(&fd);
}

SCENARIO(unix_accept, .what = "a server at rest waits for a connection")
{
	truth_idle_listener(text("%s/socket", scenario_dir()));
}

SCENARIO(unix_accept_abstract, .what = "a server at rest on an abstract name")
{
	truth_idle_listener(text("@snag-%d", getpid()));
}
