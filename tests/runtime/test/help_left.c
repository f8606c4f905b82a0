/* SPDX-License-Identifier: BSD-2-Clause */
/* help_left.c - see help_left.h. */
#include "runtime/test/help_left.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/wire/multiaddr.h"

enum { FDS_MAX = 512, FOLDER = 16, TEXT = 512, POLL_US = 2000 };

struct open_fd {
	int fd;
	dev_t device;
	ino_t inode;
};

/* Each test is a process of its own. */
static struct {
	bool begun, soon;
	char folder[FOLDER], truth[FOLDER];
	size_t threads, fd_count;
	struct open_fd fds[FDS_MAX];
	char text[TEXT];
} before;

/* What is left; NULL for nothing. */
__attribute__((format(printf, 1, 2))) static const char *say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(before.text, sizeof(before.text), format, args);
	va_end(args);
	return before.text;
}

/* The next entry that is not hidden; NULL: there is none. */
static const struct dirent *next_entry(DIR *dir)
{
	const struct dirent *entry;

	do
		entry = readdir(dir);
	while (entry && entry->d_name[0] == '.');
	return entry;
}

static DIR *open_folder(const char *path)
{
	DIR *dir = opendir(path);

	cr_assert_not_null(dir, "%s: %m", path);
	return dir;
}

/* ---- processes ------------------------------------------------------------------------------- */

void help_comm(pid_t pid, char name[static 32])
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, name, 31);
	name[n > 0 ? n - 1 : 0] = 0; /* without the newline */
}

/*
 * A process that is killed while LeakSanitizer looks at it leaves the clone of it that did, which
 * the kernel kills then. Both are called by the number of the first (actor/program.c): who has the
 * name and not the number is the clone.
 */
static bool is_leak_tracer(const char *name, pid_t pid)
{
	int owner, used = 0;

	return sscanf(name, "lsan-%d%n", &owner, &used) == 1 && !name[used] && owner != pid;
}

enum child { CHILD_NONE, CHILD_LIVES, CHILD_ENDED };

/* Of our children, one that has ended, and waits to be reaped; else whether one lives. */
static enum child next_child(pid_t *pid)
{
	siginfo_t info = { .si_pid = 0 };
	/* those as well who would tell us nothing of their end */
	int rc = waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG | __WALL);

	cr_assert(rc == 0 || errno == ECHILD, "waitid: %m");
	*pid = info.si_pid;
	if (rc < 0)
		return CHILD_NONE;
	return info.si_pid > 0 ? CHILD_ENDED : CHILD_LIVES;
}

/* A child of any of our threads; 0: it cannot be found. */
static pid_t find_child(void)
{
	DIR *dir = open_folder("/proc/self/task");
	const struct dirent *entry;
	int pid = 0;

	while (pid == 0 && (entry = next_entry(dir))) {
		_grove_free_ char *path =
			grove_format("/proc/self/task/%s/children", entry->d_name);
		FILE *file = fopen(path, "re");

		if (file && fscanf(file, "%d", &pid) != 1)
			pid = 0;
		if (file)
			fclose(file);
	}
	closedir(dir);
	return pid;
}

static const char *left_processes(bool orphans, int64_t end_ns)
{
	char name[32] = "";
	enum child child;
	pid_t pid;

	while ((child = next_child(&pid)) != CHILD_NONE) {
		if (child == CHILD_ENDED) {
			help_comm(pid, name);
			cr_assert_eq(waitpid(pid, NULL, __WALL), pid);
			if (!orphans && !is_leak_tracer(name, pid))
				return say("process %d (%s) was not reaped", (int)pid, name);
		} else if (grove_now_ns() < end_ns) {
			usleep(POLL_US);
		} else {
			pid = find_child();
			help_comm(pid, name);
			return say("process %d (%s) is left", (int)pid, name);
		}
	}
	return NULL;
}

/* They are ours, and nobody else reaps them: the number is safe. */
static void end_children(void)
{
	pid_t pid;

	while (next_child(&pid) != CHILD_NONE) {
		if (pid == 0)
			pid = find_child();
		if (pid == 0)
			return;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, __WALL);
	}
}

/* ---- threads and descriptors ----------------------------------------------------------------- */

static size_t count_threads(void)
{
	DIR *dir = open_folder("/proc/self/task");
	size_t count = 0;

	while (next_entry(dir))
		count++;
	closedir(dir);
	return count;
}

/* A joined thread stands in /proc for a moment after it told its end. */
static const char *left_threads(int64_t end_ns)
{
	size_t count;

	while ((count = count_threads()) > before.threads && grove_now_ns() < end_ns)
		usleep(POLL_US);
	return count == before.threads ? NULL : say("%zu threads, not %zu", count, before.threads);
}

static size_t read_fds(struct open_fd fds[static FDS_MAX])
{
	DIR *dir = open_folder("/proc/self/fd");
	const struct dirent *entry;
	size_t count = 0;

	while ((entry = next_entry(dir))) {
		int fd = atoi(entry->d_name);
		struct stat st;

		if (fd == dirfd(dir) || fstat(fd, &st) < 0) /* valgrind hides its own */
			continue;
		cr_assert_lt(count, (size_t)FDS_MAX);
		fds[count++] = (struct open_fd){ fd, st.st_dev, st.st_ino };
	}
	closedir(dir);
	return count;
}

static bool has_fd(const struct open_fd *fds, size_t count, const struct open_fd *wanted)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i].fd == wanted->fd && fds[i].inode == wanted->inode &&
		    fds[i].device == wanted->device)
			return true;
	return false;
}

static const char *left_fds(void)
{
	struct open_fd now[FDS_MAX];
	size_t count = read_fds(now);

	for (size_t i = 0; i < before.fd_count; i++)
		if (!has_fd(now, count, &before.fds[i]))
			return say("descriptor %d was closed", before.fds[i].fd);
	for (size_t i = 0; i < count; i++) {
		char path[64], what[256] = "";

		if (has_fd(before.fds, before.fd_count, &now[i]))
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", now[i].fd);
		if (readlink(path, what, sizeof(what) - 1) < 0)
			what[0] = 0;
		return say("descriptor %d is left: %s", now[i].fd, what);
	}
	return NULL;
}

/* ---- ports ----------------------------------------------------------------------------------- */

/* A listening socket of an actor of this test. */
struct port {
	uint64_t inode;
	char address[GROVE_MULTIADDR_TEXT];
};

struct ports {
	struct port *at;
	size_t count;
};

static void ports_release(struct ports *ports)
{
	free(ports->at);
}

/* A line of a truth log: does it tell of one? */
static void add_port(struct ports *ports, const char *line)
{
	struct port port = { .inode = 0 };
	const char *at = strstr(line, "\"event\":\"listening\"");

	if (!at)
		return;
	at = strstr(at, "\"address\":");
	cr_assert(at && sscanf(at, "\"address\":\"%351[^\"]\",\"inode\":%" SCNu64, port.address,
			       &port.inode) == 2,
		  "%s", line);
	ports->at = grove_realloc(ports->at, ports->count + 1, sizeof(*ports->at));
	ports->at[ports->count++] = port;
}

/* All actors have logged where they listen; what was read once is not to be looked at again. */
static void take_ports(struct ports *ports)
{
	DIR *dir = open_folder(before.truth);
	const struct dirent *entry;

	while ((entry = next_entry(dir))) {
		_grove_free_ char *path = grove_format("%s/%s", before.truth, entry->d_name);
		FILE *file = fopen(path, "re");
		char line[8192];

		cr_assert_not_null(file, "%s: %m", path);
		while (fgets(line, sizeof(line), file))
			add_port(ports, line);
		fclose(file);
	}
	closedir(dir);
}

static const struct port *find_port(const struct ports *ports, uint64_t inode)
{
	for (size_t i = 0; i < ports->count; i++)
		if (ports->at[i].inode == inode)
			return &ports->at[i];
	return NULL;
}

/* The number in a column of a table. */
static uint64_t number_at(char *line, int column)
{
	char *rest = NULL, *word = strtok_r(line, " ", &rest);

	for (; word && column > 0; column--)
		word = strtok_r(NULL, " ", &rest);
	return word ? strtoull(word, NULL, 10) : 0;
}

/* One of them that is open; NULL: none is. A socket that listens has a line of its own. */
static const struct port *open_port(const struct ports *ports)
{
	static const struct {
		const char *family, *path;
		int column; /* of the inode */
	} tables[] = {
		{ "/ip4/", "/proc/net/tcp", 9 },   /* net/ipv4/tcp_ipv4.c, get_tcp4_sock() */
		{ "/ip6/", "/proc/net/tcp6", 9 },  /* net/ipv6/tcp_ipv6.c, get_tcp6_sock() */
		{ "/unix/", "/proc/net/unix", 6 }, /* net/unix/af_unix.c, unix_seq_show() */
	};
	const struct port *found = NULL;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !found; i++) {
		bool wanted = false;
		char line[512];
		FILE *file;

		for (size_t k = 0; k < ports->count; k++)
			wanted |= strstr(ports->at[k].address, tables[i].family) != NULL;
		file = wanted ? fopen(tables[i].path, "re") : NULL;
		while (file && !found && fgets(line, sizeof(line), file))
			found = find_port(ports, number_at(line, tables[i].column));
		if (file)
			fclose(file);
	}
	return found;
}

static void empty_logs(void)
{
	DIR *dir = open_folder(before.truth);
	const struct dirent *entry;

	while ((entry = next_entry(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	closedir(dir);
}

static const char *left_ports(int64_t end_ns)
{
	_grove_cleanup_(ports_release) struct ports ports = { .count = 0 };
	const struct port *open;

	take_ports(&ports);
	while ((open = open_port(&ports))) {
		if (grove_now_ns() >= end_ns)
			return say("somebody listens on %s", open->address);
		usleep(POLL_US);
	}
	empty_logs();
	return NULL;
}

/* ---- files ----------------------------------------------------------------------------------- */

static const char *left_files(void)
{
	DIR *dir = open_folder(before.folder);
	const struct dirent *entry = next_entry(dir);
	const char *left = entry ? say("file %s/%s is left", before.folder, entry->d_name) : NULL;

	closedir(dir);
	return left;
}

/* ---- all of it ------------------------------------------------------------------------------- */

void help_begin(void)
{
	/* short: see grove_listen_dir() */
	strcpy(before.folder, "/tmp/gtXXXXXX");
	strcpy(before.truth, "/tmp/gtXXXXXX");
	cr_assert_not_null(mkdtemp(before.folder), "%m");
	cr_assert_not_null(mkdtemp(before.truth), "%m");
	setenv("XDG_RUNTIME_DIR", before.folder, 1);
	setenv("GROVE_TRUTH", before.truth, 1);
	/* whoever loses his parent is ours then, and seen */
	cr_assert_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	before.threads = count_threads();
	before.fd_count = read_fds(before.fds);
	before.begun = true;
}

void help_end_soon(void)
{
	before.soon = true;
}

const char *help_folder(void)
{
	return before.folder;
}

const char *help_truth(void)
{
	return before.truth;
}

const char *help_left(unsigned what, int64_t wait_ns)
{
	int64_t end_ns = grove_now_ns() + wait_ns;
	const char *left = NULL;

	cr_assert(before.begun, "a suite without help_begin()");
	if (what & HELP_PROCESSES)
		left = left_processes(what & HELP_ORPHANS, end_ns);
	if (!left && (what & HELP_THREADS))
		left = left_threads(end_ns);
	if (!left && (what & HELP_FDS))
		left = left_fds();
	if (!left && (what & HELP_PORTS))
		left = left_ports(end_ns);
	if (!left && (what & HELP_FILES))
		left = left_files();
	return left;
}

void help_end(void)
{
	const char *left = help_left(HELP_ALL, before.soon ? 0 : HELP_LONG);

	end_children();
	empty_logs();
	(void)rmdir(before.truth);
	(void)rmdir(before.folder); /* one with something in it stays, for somebody to see */
	if (!left)
		return;
	/* criterion counts no assertion that fails after the test, but it counts a crash */
	fprintf(stderr, "the test has left something behind: %s\n", left);
	abort();
}
