/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tracker.c - both ends of the resource tracker. A message is one line: what, device, inode, path.
 */
#include "runtime/spawn/tracker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include "runtime/core/truth.h"
#include "runtime/spawn/helper.h"

enum {
	PATH = sizeof(((struct sockaddr_un *)NULL)->sun_path), /* no socket has a longer one */
	LINE = PATH + 64,
};

struct file {
	unsigned long long dev, ino;
	char path[PATH];
};

struct files {
	struct file *at;
	size_t count, room;
};

/* ---- a list of files ------------------------------------------------------------------------- */

static void forget(struct files *files, const char *path)
{
	for (size_t i = files->count; i-- > 0;) {
		if (strcmp(files->at[i].path, path) != 0)
			continue;
		files->count--;
		memmove(&files->at[i], &files->at[i + 1], (files->count - i) * sizeof(struct file));
	}
}

static struct file *remember(struct files *files, const struct file *file)
{
	forget(files, file->path);
	if (files->count == files->room) {
		files->room = files->room ? 2 * files->room : 8;
		files->at = grove_realloc(files->at, files->room, sizeof(struct file));
	}
	files->at[files->count] = *file;
	return &files->at[files->count++];
}

/* What is at `path` now. False: nothing, or its name is too long for a socket. */
static bool identify(const char *path, struct file *ret)
{
	struct stat st;

	if (strlen(path) >= PATH || lstat(path, &st) < 0)
		return false;
	ret->dev = st.st_dev;
	ret->ino = st.st_ino;
	grove_copy_name(ret->path, sizeof(ret->path), path);
	return true;
}

/* ---- the end of those who make files --------------------------------------------------------- */

static struct tracker {
	struct grove_helper helper; /* pid 0 with an fd: somebody else has started it */
	struct files files;
	pid_t owner; /* the process whose files they are */
} state = { .helper = GROVE_HELPER_INIT };

/* After a fork the files are the parent's. */
static void lock(void)
{
	grove_helper_lock(&state.helper);
	if (state.owner != getpid())
		state.files.count = 0;
	state.owner = getpid();
}

/* A tracker that does not read for so long is stuck, and must not stop the loop as well. */
static void set_patience(int fd)
{
	struct timeval second = { .tv_sec = 1 };

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second)); /* a unix socket */
}

static int say(char what, const struct file *file)
{
	char text[LINE];
	int n = snprintf(text, sizeof(text), "%c %llx %llx %s", what, file->dev, file->ino,
			 file->path);
	int rc = send(state.helper.fd, text, (size_t)n, MSG_NOSIGNAL) < 0 ? -errno : 0;

	if (rc < 0) /* the next that needs it starts a new one, and tells all */
		grove_truth("tracker-lost", grove_fact_int("rc", rc),
			    grove_fact_text("path", file->path));
	return rc;
}

/* Whether somebody reads at the other end. */
static bool is_there(void)
{
	static const struct file nothing = { .path = "-" };

	return state.helper.fd >= 0 && !grove_helper_ended(&state.helper) &&
	       say('?', &nothing) == 0;
}

static int start(struct grove_error *err)
{
	bool again = state.helper.fd >= 0;
	int rc;

	(void)grove_helper_ended(&state.helper); /* a dead one is to be reaped */
	grove_helper_forget(&state.helper);
	rc = grove_helper_start(&state.helper, "mp_tracker", err);
	if (rc < 0)
		return rc;
	if (again)
		grove_truth("tracker-anew", grove_fact_int("pid", state.helper.child.pid));
	set_patience(state.helper.fd);
	for (size_t i = 0; i < state.files.count && rc == 0; i++)
		rc = say('+', &state.files.at[i]);
	return rc < 0 ? grove_error_set(err, rc, "resource tracker: %s", strerror(-rc)) : 0;
}

int grove_tracker_need(struct grove_error *err)
{
	int rc = 0, fd;

	lock();
	if (!is_there())
		rc = start(err);
	fd = rc < 0 ? rc : fcntl(state.helper.fd, F_DUPFD_CLOEXEC, 3);
	if (rc == 0 && fd < 0)
		fd = grove_error_set(err, -errno, "resource tracker: %m");
	grove_helper_unlock();
	return fd;
}

void grove_tracker_adopt(int fd)
{
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* it is open */
	lock();
	grove_helper_forget(&state.helper);
	state.helper.fd = fd;
	set_patience(fd);
	grove_helper_unlock();
}

void grove_tracker_file(const char *path, bool made)
{
	struct file file = { .dev = 0 };

	lock();
	if (made && identify(path, &file)) {
		remember(&state.files, &file);
		if (state.helper.fd >= 0)
			(void)say('+', &file); /* the truth log has it */
	} else if (!made && strlen(path) < PATH) {
		grove_copy_name(file.path, sizeof(file.path), path);
		forget(&state.files, path);
		if (state.helper.fd >= 0)
			(void)say('-', &file);
	}
	grove_helper_unlock();
}

void grove_tracker_shutdown(void)
{
	struct grove_helper helper;

	lock();
	free(state.files.at);
	state.files = (struct files){ .count = 0 };
	helper = grove_helper_take(&state.helper);
	grove_helper_unlock();
	grove_helper_end(&helper, GROVE_HELPER_LEAVE);
}

/* ---- the tracker itself ---------------------------------------------------------------------- */

static void take_line(struct files *files, const char *line)
{
	struct file file = { .dev = 0 };
	char what;
	int at = 0;

	if (sscanf(line, "%c %llx %llx %n", &what, &file.dev, &file.ino, &at) < 3 || at == 0)
		return;
	grove_copy_name(file.path, sizeof(file.path), line + at);
	if (what == '+')
		remember(files, &file);
	else if (what == '-')
		forget(files, file.path);
}

/* The last ones first: a folder comes before what is in it. How many there were. */
static size_t remove_left(const struct files *files)
{
	size_t count = 0;

	for (size_t i = files->count; i-- > 0;) {
		const struct file *file = &files->at[i];
		struct file now;

		if (!identify(file->path, &now) || now.dev != file->dev || now.ino != file->ino)
			continue;
		if (unlink(file->path) == 0 || (errno == EISDIR && rmdir(file->path) == 0))
			count++;
		else
			fprintf(stderr, "resource tracker: %s: %s\n", file->path, strerror(errno));
	}
	return count;
}

int grove_tracker_main(const struct grove_program *program, int argc, char **argv)
{
	struct files files = { .count = 0 };
	char line[LINE + 1];
	size_t count;
	ssize_t n;

	(void)argc;
	(void)argv;
	grove_helper_enter("grove-tracker");
	signal(SIGTERM, SIG_IGN); /* it outlives whoever is told to end */
	do {
		n = recv(GROVE_HELPER_FD, line, sizeof(line) - 1, 0);
		if (n > 0) {
			line[n] = 0;
			take_line(&files, line);
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		fprintf(stderr, "%s: resource tracker: %s\n", program->name, strerror(errno));
	count = remove_left(&files);
	if (count > 0)
		fprintf(stderr, "%s: resource tracker: removed %zu left-over files\n",
			program->name, count);
	free(files.at);
	return n < 0;
}
