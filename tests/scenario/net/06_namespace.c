/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other network namespaces, other roots, and a host that is not this one. snag must look for peers
 * in the namespaces of the tree, take a path as its process does, and name a remote address as what
 * it is.
 */
#include "lib/scenario.h"
#include "net_host.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 7777 };

struct stage {
	volatile int ready, go;
};

static bool is_ready(void *arg)
{
	return ((struct stage *)arg)->ready;
}

static bool may_go(void *arg)
{
	return ((struct stage *)arg)->go;
}

static void read_byte(int fd)
{
	char byte;

	if (read(fd, &byte, 1) < 0)
		scenario_die("read: %m");
	scenario_die("read returned");
}

/* ---- network namespaces --------------------------------------------------------------------- */

static void enter_empty_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

	if (unshare(CLONE_NEWNET) < 0)
		scenario_skip("netns", "no network namespaces here");
	int fd = (int)must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	must(ioctl(fd, SIOCSIFFLAGS, &lo));
	close(fd);
}

/* A connection within this network, whose other end a child has that can never go on. */
static void read_tcp_inside(void *unused)
{
	struct host at;

	(void)unused;
	enter_empty_network();
	int listener = host_listener(AF_INET, 5, &at);
	int ours = host_connected(SOCK_STREAM, &at);
	int theirs = (int)must(accept(listener, NULL, NULL));
	close(listener);
	pid_t dead = (pid_t)must(fork());
	if (dead == 0) {
		close(ours);
		hang_dead(NULL);
	}
	close(theirs);
	truth_verdict("deadlock", NULL);
	truth_hop(getppid(), 0, "child-exit", NULL, getpid());
	truth_hop(getpid(), 0, "tcp-recv", key_of_fd(ours), dead);
	truth_hop(dead, 0, "pipe-read", NULL, dead);
	truth_culprit(dead, NULL);
	truth_ready();
	read_byte(ours);
}

SCENARIO(netns_tcp, .needs = "root", .what = "a connection inside another network namespace")
{
	pid_t child = spawn_child(read_tcp_inside, NULL);

	waitpid(child, NULL, 0);
}

static void read_unix_inside(void *unused)
{
	int s[2];

	(void)unused;
	enter_empty_network();
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	pid_t dead = (pid_t)must(fork());
	if (dead == 0) {
		close(s[0]);
		hang_dead(NULL);
	}
	close(s[1]);
	truth_verdict("deadlock", NULL);
	truth_hop(getppid(), 0, "child-exit", NULL, getpid());
	truth_hop(getpid(), 0, "unix-recv", key_of_fd(s[0]), dead);
	truth_hop(dead, 0, "pipe-read", NULL, dead);
	truth_ready();
	read_byte(s[0]);
}

SCENARIO(netns_unix, .needs = "root", .what = "a unix socket pair of another network namespace")
{
	pid_t child = spawn_child(read_unix_inside, NULL);

	waitpid(child, NULL, 0);
}

/* ---- another root directory ----------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	strncpy(un.sun_path, path, sizeof(un.sun_path) - 1);
	return un;
}

/*
 * Outside there is a /socket neither of this inode nor of this name: the path is of the new root.
 */
static void connect_inside(void *dir)
{
	struct sockaddr_un un = address_of("/socket");
	int fd;

	must(chroot(dir));
	must(chdir("/"));
	int listener = (int)must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(listener, (struct sockaddr *)&un, sizeof(un)));
	must(listen(listener, 0));
	pid_t dead = spawn_child(hang_dead, NULL);
	close(listener);
	do
		fd = (int)must(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	while (connect(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
	must(fcntl(fd, F_SETFL, 0));
	truth_verdict("deadlock", NULL);
	truth_hop(getppid(), 0, "child-exit", NULL, getpid());
	truth_hop(getpid(), 0, "unix-connect", NULL, dead);
	truth_hop(dead, 0, "pipe-read", NULL, dead);
	truth_culprit(dead, NULL);
	truth_ready();
	connect(fd, (struct sockaddr *)&un, sizeof(un));
	scenario_die("connect returned: %m");
}

SCENARIO(chroot_unix_connect, .needs = "root", .what = "connect by a path inside a chroot")
{
	pid_t child = spawn_child(connect_inside, (void *)scenario_dir());

	waitpid(child, NULL, 0);
}

/* ---- another host --------------------------------------------------------------------------- */

/* Run ip(8); false: it failed. */
static bool ip(const char *arguments)
{
	int status;
	char *words[24] = { (char *)"ip" };
	char *rest, *copy = strdup(arguments);
	size_t n = 1;

	for (char *w = strtok_r(copy, " ", &rest); w && n < 23; w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	pid_t pid = (pid_t)must(fork());
	if (pid == 0) {
		execvp("ip", words);
		_exit(127);
	}
	free(copy);
	must(waitpid(pid, &status, 0));
	return status == 0;
}

/*
 * The client: its network has one cable, to the network of the patient, which plays the other host.
 */
static void remote_client(void *arg)
{
	struct stage *stage = arg;
	struct host at = host_address("10.99.0.2", PORT);

	enter_empty_network();
	stage->ready = 1;
	wait_until(may_go, stage, "the cable is there");
	must(ip("addr add 10.99.0.1/24 dev snag1") - 1);
	must(ip("link set snag1 up") - 1);
	read_byte(host_connected(SOCK_STREAM, &at));
}

SCENARIO(tcp_remote, .needs = "root,ip", .what = "a read of a connection to another host")
{
	struct stage *stage = shared_page();
	struct host at = host_address("10.99.0.2", PORT);
	pid_t root = spawn_session(remote_client, stage);

	wait_until(is_ready, stage, "the client has its network");
	enter_empty_network();
	if (!ip(text("link add snag0 type veth peer name snag1 netns %d", root)))
		scenario_skip("veth", "no veth pairs here");
	must(ip("addr add 10.99.0.2/24 dev snag0") - 1);
	must(ip("link set snag0 up") - 1);
	int listener = (int)must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(listener, (struct sockaddr *)&at.at, at.len));
	must(listen(listener, 5));
	stage->go = 1;
	must(accept(listener, NULL, NULL));
	truth_root(root);
	truth_verdict("stuck-on-external", NULL);
	/* The other host is this one in truth, which bpf may see through the cable. */
	truth_verdict_procfs("stuck-on-external", NULL);
	truth_hop(root, 0, "tcp-recv", NULL, ANYBODY);
	truth_ready();
	hang(NULL);
}

/* A cable whose other end belongs to nobody: the answer to the first packet never comes. */
SCENARIO(tcp_connect_remote, .needs = "root,ip", .what = "connect to a host that does not answer")
{
	struct host at = host_address("10.99.0.2", PORT + 1);

	enter_empty_network();
	if (!ip("link add snag0 type veth peer name snag1"))
		scenario_skip("veth", "no veth pairs here");
	must(ip("link set snag1 up") - 1);
	must(ip("addr add 10.99.0.1/24 dev snag0") - 1);
	must(ip("link set snag0 up") - 1);
	must(ip("neigh add 10.99.0.2 lladdr 02:00:00:00:00:01 dev snag0 nud permanent") - 1);
	truth_verdict("waiting-with-timeout", NULL);
	truth_hop(getpid(), 0, "tcp-connect", NULL, ANYBODY);
	truth_says("10.99.0.2:%d", PORT + 1);
	truth_ready();
	host_connected(SOCK_STREAM, &at);
	scenario_die("connect returned");
}
