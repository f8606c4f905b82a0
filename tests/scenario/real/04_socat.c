/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socat over a unix socket and over TCP: the root waits for a client, which waits for a server,
 * which waits for input that only the root could write. And a process in a chroot of its own.
 */
#include "lib/scenario.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>

struct dialogue {
	const char *listen, *connect;
	const char *wait_kind;
	bool (*ready)(void *);
};

static bool socket_exists(void *arg)
{
	(void)arg;
	return access(text("%s/sock", scenario_dir()), F_OK) == 0;
}

static in_port_t port;

/* The kernel lists a listener on the port in hexadecimal, state 0A (LISTEN). */
static bool port_listens(void *arg)
{
	int s = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = port };
	bool taken = bind(s, (struct sockaddr *)&a, sizeof(a)) < 0;

	(void)arg;
	close(s);
	return taken;
}

static in_port_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int s = (int)must(socket(AF_INET, SOCK_STREAM, 0));

	must(bind(s, (struct sockaddr *)&a, sizeof(a)));
	must(getsockname(s, (struct sockaddr *)&a, &len));
	close(s);
	return a.sin_port;
}

static void talk(const struct dialogue *d)
{
	char *server_argv[] = { "socat", (char *)d->listen, "-", NULL };
	char *client_argv[] = { "socat", (char *)d->connect, "-", NULL };
	int to_server[2], to_client[2];
	pid_t server, client;

	must(pipe2(to_server, O_CLOEXEC));
	must(pipe2(to_client, O_CLOEXEC));
	server = spawn_program_on(server_argv, to_server[0], -1, -1);
	wait_until(d->ready, NULL, "the server listens");
	client = spawn_program_on(client_argv, to_client[0], -1, -1);
	close(to_server[0]);
	close(to_client[0]);
	truth_verdict("deadlock", "proven");
	truth_wait(client, 0, d->wait_kind, NULL, server);
	truth_wait(server, 0, d->wait_kind, NULL, client);
	truth_wait(server, 0, "pipe-read", NULL, getpid());
	truth_culprit(getpid(), "not-writing");
	truth_blocked(client, 0);
	truth_blocked(server, 0);
	truth_ready();
	waitpid(client, NULL, 0);
}

SCENARIO(socat_unix, .needs = "socat",
	 .what = "two socats over a unix socket, both wait for input from the root")
{
	talk(&(struct dialogue){ .listen = text("UNIX-LISTEN:%s/sock", scenario_dir()),
				 .connect = text("UNIX-CONNECT:%s/sock", scenario_dir()),
				 .wait_kind = "unix-recv",
				 .ready = socket_exists });
}

SCENARIO(socat_tcp, .needs = "socat",
	 .what = "two socats over TCP, both wait for input from the root")
{
	port = free_port();
	talk(&(struct dialogue){ .listen = text("TCP4-LISTEN:%d,bind=127.0.0.1", ntohs(port)),
				 .connect = text("TCP4:127.0.0.1:%d", ntohs(port)),
				 .wait_kind = "tcp-recv",
				 .ready = port_listens });
}

static void open_in_chroot(void *dir)
{
	must(chroot(dir));
	must(chdir("/"));
	open("/fifo", O_RDONLY | O_CLOEXEC);
}

SCENARIO(chroot_fifo, .needs = "root",
	 .what = "a process in a chroot opens a FIFO by a path that exists only there")
{
	const char *dir = scenario_dir();
	pid_t child;

	must(mkfifo(text("%s/fifo", dir), 0600));
	child = spawn_child(open_in_chroot, (void *)dir);
	truth_verdict("undetermined", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "fifo-open", NULL, ANYBODY);
	truth_ready();
	waitpid(child, NULL, 0);
}
