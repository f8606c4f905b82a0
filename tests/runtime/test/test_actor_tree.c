/* SPDX-License-Identifier: BSD-2-Clause */
/* test_actor_tree.c - the program grove-tree: trees on every backend, ended from outside. */
#include "runtime/test/help_actor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

TestSuite(actor_tree, .init = help_begin, .fini = help_end);

enum { ARGS_MAX = 16, OUTPUT_MAX = 65536 };

struct program {
	pid_t pid;
	int out; /* its stdout and stderr */
	char text[OUTPUT_MAX];
	size_t size;
};

/* Start grove-tree with these arguments, ended by NULL. */
static void start(struct program *p, const char *const *args)
{
	const char *argv[ARGS_MAX] = { getenv("GROVE_TREE") };
	int pair[2], count = 1;

	cr_assert_not_null(argv[0], "GROVE_TREE is not set");
	for (; args[count - 1]; count++)
		argv[count] = args[count - 1];
	cr_assert_eq(pipe2(pair, O_CLOEXEC), 0);
	p->size = 0;
	p->out = pair[0];
	p->pid = fork();
	cr_assert_geq(p->pid, 0);
	if (p->pid == 0) {
		dup2(pair[1], STDOUT_FILENO);
		dup2(pair[1], STDERR_FILENO);
		execv(argv[0], (char **)argv);
		_exit(127);
	}
	close(pair[1]);
}

/* Read what it says: until the first line is there, or until the end. */
static void hear(struct program *p, bool all)
{
	ssize_t n = 1;

	p->text[p->size] = 0;
	while (n > 0 && p->size < sizeof(p->text) - 1 && (all || !strchr(p->text, '\n'))) {
		n = read(p->out, p->text + p->size, sizeof(p->text) - 1 - p->size);
		cr_assert(n >= 0 || errno == EINTR, "%m");
		p->size += n > 0 ? (size_t)n : 0;
		p->text[p->size] = 0;
	}
}

/* Its exit code; nothing of it may be left, no process and no file. */
static int end(struct program *p)
{
	const char *left;
	int status;

	hear(p, true); /* the end of the pipe: all that had it are gone or have closed it */
	cr_assert_eq(waitpid(p->pid, &status, 0), p->pid);
	close(p->out);
	cr_assert(WIFEXITED(status), "signal %d: %s", WTERMSIG(status), p->text);
	left = help_left(HELP_ALL, HELP_LONG);
	cr_assert_null(left, "%s: %s", left, p->text);
	return WEXITSTATUS(status);
}

/* The name of the next backend that works here; NULL: there is none. *at is 0 at first. */
static const char *next_backend(size_t *at)
{
	while (grove_backends[*at]) {
		const struct grove_backend *backend = grove_backends[(*at)++];
		const char *reason = backend->refuses ? backend->refuses() : NULL;

		if (!reason)
			return backend->name;
		cr_log_info("not on %s: %s\n", backend->name, reason);
	}
	return NULL;
}

Test(actor_tree, sigint_to_the_root_ends_all)
{
	char unix_name[64];
	const char *const transports[][2] = {
		{ "unix", unix_name },
		{ "tcp", "/ip4/127.0.0.1/tcp/0" },
	};
	const char *backend;
	size_t at = 0;

	snprintf(unix_name, sizeof(unix_name), "/unix/@grove-test-%d", (int)getpid());
	while ((backend = next_backend(&at))) {
		for (size_t i = 0; i < 2; i++) {
			const char *const args[] = {
				"--depth",
				"3",
				"--breadth",
				"2",
				"--spawn-backend",
				backend,
				"--transport",
				transports[i][0],
				"--registrar",
				transports[i][1],
				"--grace-ms",
				"20000",
				NULL,
			};
			struct program p;

			start(&p, args);
			hear(&p, false);
			cr_assert_eq(atoi(p.text), p.pid, "%s: %s", backend, p.text);
			cr_assert_eq(kill(p.pid, SIGINT), 0);
			cr_assert_eq(end(&p), 130, "%s: %s", backend, p.text);
			cr_assert_eq(strchr(p.text, '\n')[1], 0, "%s: %s", backend, p.text);
		}
	}
}

Test(actor_tree, killed_root_leaves_nothing)
{
	static const char *const dies_whole =
		"all actors are in the process, nobody is left to remove their sockets";
	const char *backend, *left;
	size_t at = 0;

	while ((backend = next_backend(&at))) {
		const char *const args[] = { "--depth", "3",	     "--breadth", "2", "--grace-ms",
					     "20000",	"--backend", backend,	  NULL };
		struct program p;

		if (grove_backends[at - 1]->hosted) {
			cr_log_info("not on %s: %s\n", backend, dies_whole);
			continue;
		}
		start(&p, args);
		hear(&p, false);
		cr_assert_eq(kill(p.pid, SIGKILL), 0);
		hear(&p, true);
		close(p.out);
		left = help_left(HELP_ALL | HELP_ORPHANS, HELP_LONG);
		cr_assert_null(left, "%s: %s", backend, left);
	}
}

/* A network of our own, in which every port is free. */
static bool enter_network(void)
{
	struct ifreq lo = { .ifr_name = "lo" };

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	_grove_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_geq(fd, 0, "%m");
	cr_assert_eq(ioctl(fd, SIOCGIFFLAGS, &lo), 0, "%m");
	lo.ifr_flags |= IFF_UP;
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0, "%m");
	return true;
}

/* Is the port taken on the loopback address? */
static bool is_taken(uint16_t port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr = { htonl(INADDR_LOOPBACK) } };
	_grove_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0;
}

/* The first tree is the registrar there, the second finds it. */
Test(actor_tree, registrar_at_its_default_port)
{
	static const char *const args[] = { "--transport", "tcp", "--grace-ms", "20000", NULL };
	struct program first, second;
	int status;

	if (!enter_network())
		cr_skip_test("no network of our own: %m");
	cr_assert_not(is_taken(GROVE_REGISTRAR_PORT));
	start(&first, args);
	hear(&first, false);
	cr_assert_eq(atoi(first.text), first.pid, "%s", first.text);
	cr_assert(is_taken(GROVE_REGISTRAR_PORT));
	start(&second, args);
	hear(&second, false);
	cr_assert_eq(atoi(second.text), second.pid, "%s", second.text);
	cr_assert_eq(kill(second.pid, SIGINT), 0);
	hear(&second, true);
	cr_assert_eq(waitpid(second.pid, &status, 0), second.pid);
	close(second.out);
	cr_assert_eq(WEXITSTATUS(status), 130, "%s", second.text);
	cr_assert(is_taken(GROVE_REGISTRAR_PORT), "it was not the second's");
	cr_assert_eq(kill(first.pid, SIGINT), 0);
	cr_assert_eq(end(&first), 130, "%s", first.text);
	cr_assert_not(is_taken(GROVE_REGISTRAR_PORT));
}

/* How many lines of it have this as their first words. */
static int count_lines(const struct program *p, const char *wanted)
{
	int count = 0;

	for (const char *line = p->text; line; line = strchr(line, '\n')) {
		line += strspn(line, "\n ");
		count += strncmp(line, wanted, strlen(wanted)) == 0;
	}
	return count;
}

/* Each leaf's failure is there once, with the task and the actor that it comes from. */
Test(actor_tree, all_errors_of_a_nested_tree)
{
	const char *backend;
	size_t at = 0;

	while ((backend = next_backend(&at))) {
		const char *const args[] = {
			"--depth",    "3",     "--breadth", "2",     "--fail-leaves",
			"--grace-ms", "20000", "--backend", backend, NULL
		};
		char leaf[128];
		struct program p;

		start(&p, args);
		cr_assert_eq(end(&p), 1, "%s: %s", backend, p.text);
		cr_assert_eq(count_lines(&p, "8 errors\n"), 1, "%s: %s", backend, p.text);
		cr_assert_eq(count_lines(&p, "leaf "), 8, "%s: %s", backend, p.text);
		for (int i = 0; i < 8; i++) {
			int a = i >> 2, b = i >> 1 & 1, c = i & 1;

			snprintf(leaf, sizeof(leaf),
				 "leaf root.%d.%d.%d fails [task tree.node] [actor root.%d.%d.%d ",
				 a, b, c, a, b, c);
			cr_assert_eq(count_lines(&p, leaf), 1, "%s: %s: %s", backend, leaf, p.text);
		}
	}
}

Test(actor_tree, backend_that_refuses_says_why)
{
	size_t count = 0;

	for (size_t i = 0; grove_backends[i]; i++) {
		const struct grove_backend *backend = grove_backends[i];
		const char *reason = backend->refuses ? backend->refuses() : NULL;
		const char *const args[] = { "--backend", backend->name, NULL };
		struct program p;

		if (!reason)
			continue;
		count++;
		start(&p, args);
		cr_assert_eq(end(&p), 1, "%s: %s", backend->name, p.text);
		cr_assert(strstr(p.text, backend->name) && strstr(p.text, reason), "%s", p.text);
	}
	cr_assert_gt(count, 0, "subint_fork never works");
}

Test(actor_tree, wrong_usage)
{
	static const char *const wrong[][3] = {
		{ "--spawn-backend", "telepathy", NULL },
		{ "--depth", "0", NULL },
		{ "--depth", "1000", NULL },
		{ "--breadth", "x", NULL },
		{ "--transport", "pigeon", NULL },
		{ "--registrar", "there", NULL },
		{ "--fault", "none", NULL },
		{ "--fly", NULL },
		{ "more", NULL },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct program p;

		start(&p, wrong[i]);
		cr_assert_eq(end(&p), 2, "%s: %s", wrong[i][0], p.text);
		cr_assert(strstr(p.text, wrong[i][1] ? wrong[i][1] : wrong[i][0]), "%s", p.text);
	}
}

Test(actor_tree, help_names_every_backend)
{
	static const char *const args[] = { "--help", NULL };
	struct program p;

	start(&p, args);
	cr_assert_eq(end(&p), 0);
	for (size_t i = 0; grove_backends[i]; i++)
		cr_assert(strstr(p.text, grove_backends[i]->name), "%s", grove_backends[i]->name);
}
