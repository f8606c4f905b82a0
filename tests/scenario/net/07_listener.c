/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Listeners in the hands of others: a program that got one by inheritance and outlives who listened
 * there keeps the port, and answers nobody. snag must name it; and must say nothing of servers
 * whose workers inherit the listener on purpose, at rest or at work, with and without their master.
 */
#include "lib/scenario.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKLOG = 8 };

static int listen_tcp(struct sockaddr_in *at)
{
	socklen_t size = sizeof(*at);
	int fd = (int)must(socket(AF_INET, SOCK_STREAM, 0));

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	must(bind(fd, (struct sockaddr *)at, sizeof(*at)));
	must(listen(fd, BACKLOG));
	must(getsockname(fd, (struct sockaddr *)at, &size));
	return fd;
}

static int listen_unix(struct sockaddr_un *at)
{
	int fd = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));

	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(at->sun_path, sizeof(at->sun_path), "%s/door", scenario_dir());
	must(bind(fd, (struct sockaddr *)at, sizeof(*at)));
	must(listen(fd, BACKLOG));
	return fd;
}

/* A process between the patient and those that are to be orphans: it makes them and ends. */
struct master {
	int listener;
	void (*worker)(void *arg);
	pid_t *heirs; /* shared */
	int count;
	bool stays;
};

static void make_workers(void *arg)
{
	const struct master *m = arg;

	for (int i = 0; i < m->count; i++)
		m->heirs[i] = spawn_child(m->worker, (void *)(intptr_t)m->listener);
	while (m->stays)
		pause();
}

/* Run it; when it does not stay, its workers are orphans in this session. */
static pid_t run_master(struct master *m)
{
	pid_t pid;

	m->heirs = shared_page();
	pid = spawn_child(make_workers, m);
	if (!m->stays)
		must(waitpid(pid, NULL, 0));
	close(m->listener);
	return pid;
}

/* `cat` on a pipe that only itself could write: it has all descriptors that are not CLOEXEC. */
static void be_cat(void *unused)
{
	char *argv[] = { (char *)"cat", NULL };
	int p[2];

	(void)unused;
	must(pipe(p));
	must(dup2(p[0], 0));
	must(execvp(argv[0], argv));
}

static bool is_cat(void *arg)
{
	const pid_t *heir = arg;
	char comm[16] = "";
	FILE *f = *heir ? fopen(text("/proc/%d/comm", *heir), "re") : NULL;

	if (f && !fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	if (f)
		fclose(f);
	return strcmp(comm, "cat\n") == 0;
}

/* The patient asks for an answer at the address of who is gone. */
static void ask(const void *at, socklen_t size, pid_t heir)
{
	int fd = (int)must(socket(((const struct sockaddr *)at)->sa_family, SOCK_STREAM, 0));
	char byte;

	must(connect(fd, at, size));
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "tcp-recv|unix-recv", key_of_fd(fd), heir);
	truth_hop(heir, 0, "pipe-read", NULL, heir);
	truth_finding("orphan", heir);
	truth_finding("listener-orphaned", heir);
	truth_says("for which nobody waits");
	truth_ready();
	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
}

SCENARIO(listener_orphaned, .what = "an orphan has the port of who is gone, and answers nobody")
{
	struct sockaddr_in at;
	struct master m = { .listener = listen_tcp(&at), .worker = be_cat, .count = 1 };

	run_master(&m);
	wait_until(is_cat, &m.heirs[0], "cat runs");
	ask(&at, sizeof(at), m.heirs[0]);
}

SCENARIO(listener_orphaned_unix,
	 .what = "an orphan has the socket file of who is gone, and answers nobody")
{
	struct sockaddr_un at;
	struct master m = { .listener = listen_unix(&at), .worker = be_cat, .count = 1 };

	run_master(&m);
	wait_until(is_cat, &m.heirs[0], "cat runs");
	ask(&at, sizeof(at), m.heirs[0]);
}

/* ---- an heir beside who listens -------------------------------------------------------------- */

SCENARIO(listener_inherited, .what = "a program that a server started has its listener as well")
{
	struct sockaddr_in at;
	struct pollfd door = { .fd = listen_tcp(&at), .events = POLLIN };
	pid_t heir = spawn_child(be_cat, NULL);

	wait_until(is_cat, &heir, "cat runs");
	truth_finding("fd-inherited", heir);
	truth_no_finding("listener-orphaned");
	truth_blocked(getpid(), 0);
	truth_blocked(heir, 0);
	truth_ready();
	poll(&door, 1, -1);
}

/* ---- servers that mean it -------------------------------------------------------------------- */

static void accept_one(void *arg)
{
	int fd = (int)must(accept((int)(intptr_t)arg, NULL, NULL));
	char byte;

	/* at work: it waits for its client, and not for the listener */
	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
}

static void state_healthy(const struct master *m)
{
	for (int i = 0; i < m->count; i++)
		truth_blocked(m->heirs[i], 0);
	truth_no_finding("listener-orphaned");
	truth_no_finding("fd-inherited");
	truth_not("deadlock");
	truth_ready();
}

static void wait_workers(const struct master *m)
{
	for (int i = 0; i < m->count; i++)
		wait_blocked(m->heirs[i], 0);
}

SCENARIO(listener_workers, .what = "a master and workers that accept on the listener it made")
{
	struct sockaddr_in at;
	struct master m = {
		.listener = listen_tcp(&at), .worker = accept_one, .count = 3, .stays = true
	};
	pid_t pid = run_master(&m);

	wait_blocked(pid, 0);
	wait_workers(&m);
	state_healthy(&m);
	pause();
}

SCENARIO(listener_workers_alone, .what = "workers whose master has gone accept as before")
{
	struct sockaddr_in at;
	struct master m = { .listener = listen_tcp(&at), .worker = accept_one, .count = 3 };

	run_master(&m);
	wait_workers(&m);
	state_healthy(&m);
	pause();
}

/* All of them serve a client, so that nobody waits for the listener at this moment. */
SCENARIO(listener_at_work, .what = "workers whose master has gone all serve somebody")
{
	struct sockaddr_in at;
	struct master m = { .listener = listen_tcp(&at), .worker = accept_one, .count = 2 };

	run_master(&m);
	for (int i = 0; i < m.count; i++) {
		int fd = (int)must(socket(AF_INET, SOCK_STREAM, 0));

		must(connect(fd, (struct sockaddr *)&at, sizeof(at)));
	}
	wait_workers(&m);
	state_healthy(&m);
	pause();
}

SCENARIO(listener_at_work_unix, .what = "an orphan serves a client of its socket file")
{
	struct sockaddr_un at;
	struct master m = { .listener = listen_unix(&at), .worker = accept_one, .count = 1 };
	int fd = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));

	run_master(&m);
	must(connect(fd, (struct sockaddr *)&at, sizeof(at)));
	wait_workers(&m);
	state_healthy(&m);
	pause();
}

/* http.server of Python, which a script has left behind in its session. */
SCENARIO(listener_http, .needs = "python3", .what = "a web server that outlived who started it",
	 .moving = true)
{
	const char *path = text("%s/pid", scenario_dir());
	const char *script = text("python3 -m http.server --bind 127.0.0.1 0 & echo $! >%s", path);
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)script, NULL };
	pid_t shell = spawn_program(argv);

	must(waitpid(shell, NULL, 0));
	pid_t server = wait_number(path);
	/* its listener, half a second at a time */
	wait_call(server, SYS_poll);
	truth_actor(server, 0, NULL);
	truth_finding("orphan", server);
	truth_no_finding("listener-orphaned");
	truth_not("deadlock");
	truth_ready();
	pause();
}
