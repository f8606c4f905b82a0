/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.c - children that are processes: started, waited for, signalled, killed with all below.
 */
#include "runtime/actor/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "runtime/core/io.h"
#include "runtime/core/scope.h"
#include "runtime/core/task.h"

/* waitid(2), since Linux 5.4; glibc 2.36 has it in <sys/wait.h> as an enumerator. */
#define WAIT_BY_PIDFD P_PIDFD

/* New members that fork faster than we stop them: more rounds are not worth it. */
enum { ROUNDS = 32 };

static int send_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) < 0 ? -errno : 0;
}

/* ---- who descends from whom ------------------------------------------------------------------ */

struct relation {
	pid_t pid, parent;
};

/* The parent of `pid`; 0: it is gone, or a zombie, which has no children any more. */
static pid_t parent_of(pid_t pid)
{
	char path[32], line[512];
	int parent;
	char state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	_grove_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return 0;
	line[n] = 0;
	/* the name may hold anything, also parentheses: what follows is behind the last one */
	const char *rest = strrchr(line, ')');
	if (!rest || sscanf(rest, ") %c %d", &state, &parent) != 2 || state == 'Z')
		return 0;
	return parent;
}

static int read_relations(struct relation **ret, size_t *count, struct grove_error *err)
{
	_grove_free_ struct relation *all = NULL;
	size_t used = 0, room = 0;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	if (!proc)
		return grove_error_set(err, -errno, "/proc: %m");
	while ((entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		if (used == room) {
			room = room ? room * 2 : 256;
			all = grove_realloc(all, room, sizeof(*all));
		}
		all[used].pid = (pid_t)atoi(entry->d_name);
		all[used].parent = parent_of(all[used].pid);
		if (all[used].parent > 0)
			used++;
	}
	closedir(proc);
	*ret = grove_steal(all);
	*count = used;
	return 0;
}

static bool has_member(const struct grove_subtree *tree, pid_t pid)
{
	for (size_t i = 0; i < tree->count; i++)
		if (tree->at[i].pid == pid)
			return true;
	return false;
}

static void add_member(struct grove_subtree *tree, pid_t pid, int pidfd)
{
	tree->at = grove_realloc(tree->at, tree->count + 1, sizeof(*tree->at));
	tree->at[tree->count++] = (struct grove_member){ .pid = pid, .pidfd = pidfd };
}

static bool has_ended(int pidfd)
{
	struct pollfd item = { .fd = pidfd, .events = POLLIN };

	return poll(&item, 1, 0) == 1;
}

/* Add all descendants of members that are not members yet. How many came; -errno. */
static int extend(struct grove_subtree *tree, struct grove_error *err)
{
	_grove_free_ struct relation *all = NULL;
	size_t count = 0, before = tree->count;
	int rc = read_relations(&all, &count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < tree->count; i++) {
		pid_t above = tree->at[i].pid;

		for (size_t k = 0; k < count; k++) {
			if (all[k].parent != above || has_member(tree, all[k].pid))
				continue;
			_grove_close_ int pidfd = grove_pidfd_open(all[k].pid);
			/* the number may be somebody else's by now, or the parent's may */
			if (pidfd < 0 || parent_of(all[k].pid) != above || has_ended(pidfd))
				continue;
			add_member(tree, all[k].pid, grove_steal_fd(&pidfd));
		}
	}
	return (int)(tree->count - before);
}

int grove_subtree_take(struct grove_subtree *tree, pid_t pid, int pidfd, struct grove_error *err)
{
	int own = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
	int rc;

	if (own < 0)
		return grove_error_set(err, -errno, "pidfd of %d: %m", (int)pid);
	*tree = (struct grove_subtree)GROVE_SUBTREE_INIT;
	add_member(tree, pid, own);
	rc = has_ended(own) ? 0 : extend(tree, err);
	if (rc < 0)
		grove_subtree_release(tree);
	return rc < 0 ? rc : 0;
}

void grove_subtree_release(struct grove_subtree *tree)
{
	for (size_t i = 0; i < tree->count; i++)
		grove_close(tree->at[i].pidfd);
	free(tree->at);
	*tree = (struct grove_subtree)GROVE_SUBTREE_INIT;
}

size_t grove_subtree_signal(const struct grove_subtree *tree, int sig)
{
	size_t count = 0;

	for (size_t i = 0; i < tree->count; i++)
		if (send_signal(tree->at[i].pidfd, sig) == 0)
			count++;
	return count;
}

int grove_subtree_wait(const struct grove_subtree *tree, int64_t deadline_ns)
{
	struct grove_scope scope;
	int rc = 0;

	grove_fail_after(&scope, deadline_ns - grove_now_ns());
	for (size_t i = 1; i < tree->count && rc == 0; i++)
		rc = grove_wait_pidfd(tree->at[i].pidfd, tree->at[i].pid);
	return grove_scope_exit(&scope, rc, NULL);
}

int grove_subtree_kill(pid_t pid, int pidfd, size_t *count, struct grove_error *err)
{
	_grove_cleanup_(grove_subtree_guard) struct grove_subtree tree = GROVE_SUBTREE_INIT;
	size_t killed;
	int rc;

	/* who is stopped forks no more: what is found after that is all there is */
	(void)send_signal(pidfd, SIGSTOP); /* gone: nothing to stop */
	rc = grove_subtree_take(&tree, pid, pidfd, err);
	if (rc < 0) {
		(void)send_signal(pidfd, SIGKILL); /* at least that one */
		return rc;
	}
	for (int round = 0; round < ROUNDS; round++) {
		grove_subtree_signal(&tree, SIGSTOP);
		rc = extend(&tree, err);
		if (rc <= 0)
			break;
	}
	killed = grove_subtree_signal(&tree, SIGKILL);
	if (count)
		*count = killed;
	return rc < 0 ? rc : 0;
}

/* ---- children -------------------------------------------------------------------------------- */

/*
 * Where there is no pidfd_open(2) (before Linux 5.3, and under valgrind before 3.21) child->pidfd
 * is -1. Then we look again and again; and its number is safe, because the child is ours and not
 * reaped: nobody else can get the number before.
 */
static int wait_without_pidfd(const struct grove_child *child)
{
	siginfo_t info = { .si_pid = 0 };
	int rc = grove_check();

	while (rc == 0 && info.si_pid == 0) {
		if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0)
			return errno == ECHILD ? 0 : -errno;
		if (info.si_pid == 0)
			rc = grove_sleep(2 * GROVE_MS);
	}
	return rc;
}

int grove_process_wait(struct grove_child *child, struct grove_error *err)
{
	siginfo_t info = { .si_pid = 0 };
	bool has_pidfd = child->pidfd >= 0;
	int rc = has_pidfd ? grove_wait_pidfd(child->pidfd, child->pid) : wait_without_pidfd(child);

	if (rc == -ECANCELED)
		return rc;
	if (rc < 0)
		return grove_error_set(err, rc, "wait for %d: %s", (int)child->pid, strerror(-rc));
	while (waitid(has_pidfd ? WAIT_BY_PIDFD : P_PID,
		      (id_t)(has_pidfd ? child->pidfd : child->pid), &info, WEXITED) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == ECHILD) /* somebody else has reaped it */
			return 0;
		return grove_error_set(err, -errno, "wait for %d: %m", (int)child->pid);
	}
	child->end.known = true;
	child->end.code = info.si_code == CLD_EXITED ? info.si_status : -1;
	child->end.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	return 0;
}

const char *grove_end_text(const struct grove_end *end, char text[static 64])
{
	if (!end->known)
		snprintf(text, 64, "has ended, nobody knows how");
	else if (end->signal)
		snprintf(text, 64, "was killed by signal %d", end->signal);
	else
		snprintf(text, 64, "has ended with exit code %d", end->code);
	return text;
}

int grove_process_tell(struct grove_child *child, enum grove_tell how, struct grove_error *err)
{
	int rc;

	if (child->pidfd < 0) /* see wait_without_pidfd() */
		rc = kill(child->pid, how == GROVE_TELL_KILL ? SIGKILL : SIGTERM) < 0 ? -errno : 0;
	else if (how == GROVE_TELL_KILL)
		return grove_subtree_kill(child->pid, child->pidfd, NULL, err);
	else
		rc = send_signal(child->pidfd, SIGTERM);
	return rc < 0 && rc != -ESRCH ? grove_error_set(err, rc, "signal to %d: %s",
							(int)child->pid, strerror(-rc)) :
					0;
}

void grove_process_release(struct grove_child *child)
{
	grove_close(child->pidfd);
	child->pidfd = -1;
}

char *grove_process_exe(struct grove_error *err)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n < 0) {
		grove_error_set(err, -errno, "/proc/self/exe: %m");
		return NULL;
	}
	path[n] = 0;
	return grove_strdup(path);
}

/* ---- posix_spawn ----------------------------------------------------------------------------- */

struct actions {
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	int *copy; /* of the kept descriptors, above where they will be */
	size_t count;
};

static void release_actions(struct actions *actions)
{
	posix_spawn_file_actions_destroy(&actions->files);
	posix_spawnattr_destroy(&actions->attributes);
	for (size_t i = 0; i < actions->count; i++)
		close(actions->copy[i]);
	free(actions->copy);
}

static int fill_actions(struct actions *actions, const struct grove_exec *exec)
{
	int first = 3, last = first + (int)exec->keep_count, rc = 0;
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	actions->copy = grove_alloc(exec->keep_count, sizeof(int));
	for (size_t i = 0; i < exec->keep_count && rc == 0; i++) {
		int copy = fcntl(exec->keep[i], F_DUPFD_CLOEXEC, last);

		if (copy < 0)
			return errno;
		actions->copy[actions->count++] = copy;
		rc = posix_spawn_file_actions_adddup2(&actions->files, copy, first + (int)i);
	}
	if (rc == 0)
		rc = posix_spawn_file_actions_addclosefrom_np(&actions->files, last);
	if (rc == 0)
		rc = posix_spawnattr_setsigmask(&actions->attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setsigdefault(&actions->attributes, &all);
	if (rc == 0)
		rc = posix_spawnattr_setflags(&actions->attributes,
					      POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	return rc;
}

int grove_process_exec(struct grove_exec *exec, struct grove_error *err)
{
	_grove_cleanup_(release_actions) struct actions actions = { .count = 0 };
	int rc;

	posix_spawn_file_actions_init(&actions.files);
	posix_spawnattr_init(&actions.attributes);
	rc = fill_actions(&actions, exec);
	if (rc == 0)
		rc = posix_spawn(&exec->pid, exec->argv[0], &actions.files, &actions.attributes,
				 exec->argv, environ);
	if (rc != 0)
		return grove_error_set(err, -rc, "start %s: %s", exec->argv[0], strerror(rc));
	/* nobody has reaped it yet, so the number is still its own */
	exec->pidfd = grove_pidfd_open(exec->pid);
	if (exec->pidfd == -ENOSYS)
		exec->pidfd = -1;
	else if (exec->pidfd < 0) {
		rc = grove_error_set(err, exec->pidfd, "pidfd of %d: %s", (int)exec->pid,
				     strerror(-exec->pidfd));
		kill(exec->pid, SIGKILL);
		waitpid(exec->pid, NULL, 0);
		return rc;
	}
	return 0;
}
