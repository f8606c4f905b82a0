/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtime/actor/listen.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/core/io.h"

enum { BACKLOG = 512, CLOSED_MS = 2000 };

/* Whether the file of a unix address is a socket that nobody listens on. */
static bool is_left_over(const struct grove_multiaddr *address)
{
	const char *path = grove_multiaddr_path(address);
	struct stat st;

	if (!path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	_grove_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd >= 0 && connect(fd, &address->any, address->size) < 0 && errno == ECONNREFUSED;
}

static int bind_socket(int fd, const struct grove_multiaddr *address)
{
	int one = 1;

	if (address->any.sa_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	/* connections of a former run in TIME_WAIT are no listeners */
	if (address->any.sa_family != AF_UNIX &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	if (bind(fd, &address->any, address->size) == 0)
		return 0;
	if (errno != EADDRINUSE || !is_left_over(address))
		return errno ? -errno : -EADDRINUSE;
	if (unlink(grove_multiaddr_path(address)) < 0)
		return -errno;
	return bind(fd, &address->any, address->size) < 0 ? -errno : 0;
}

static int bound_address(int fd, struct grove_multiaddr *ret, struct grove_error *err)
{
	struct sockaddr_storage own;
	socklen_t size = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &size) < 0)
		return grove_error_set(err, -errno, "getsockname: %m");
	return grove_multiaddr_from(ret, (struct sockaddr *)&own, size, err);
}

int grove_listen(struct grove_listeners *listeners, const struct grove_multiaddr *address,
		 struct grove_error *err)
{
	char text[GROVE_MULTIADDR_TEXT];
	struct grove_multiaddr bound;
	int rc;

	grove_multiaddr_print(address, text);
	_grove_close_ int fd =
		socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return grove_error_set(err, -errno, "socket for %s: %m", text);
	rc = bind_socket(fd, address);
	if (rc < 0)
		return grove_error_set(err, rc, "bind %s: %s", text, strerror(-rc));
	if (listen(fd, BACKLOG) < 0)
		rc = grove_error_set(err, -errno, "listen on %s: %m", text);
	if (rc == 0)
		rc = bound_address(fd, &bound, err);
	if (rc < 0) {
		if (grove_multiaddr_path(address))
			(void)unlink(grove_multiaddr_path(address));
		return rc;
	}
	listeners->fd = grove_realloc(listeners->fd, listeners->count + 1, sizeof(int));
	listeners->fd[listeners->count++] = grove_steal_fd(&fd);
	grove_addrs_add(&listeners->addrs, &bound);
	return 0;
}

void grove_listeners_close(struct grove_listeners *listeners)
{
	/* first the files: nobody shall find one that nobody answers at */
	grove_listen_unlink(&listeners->addrs);
	for (size_t i = 0; i < listeners->count; i++)
		grove_close(listeners->fd[i]);
	free(listeners->fd);
	grove_addrs_release(&listeners->addrs);
	*listeners = (struct grove_listeners){ .count = 0 };
}

char *grove_listen_dir(struct grove_error *err)
{
	const char *base = getenv("XDG_RUNTIME_DIR");
	_grove_free_ char *dir = NULL;

	/* a socket name has 107 bytes, of which an actor's name takes up to 77 */
	if (!base || base[0] != '/' || strlen(base) > 16 || access(base, W_OK) < 0)
		base = "/tmp";
	dir = grove_format("%s/grove-XXXXXX", base);
	if (!mkdtemp(dir)) {
		grove_error_set(err, -errno, "%s: %m", dir);
		return NULL;
	}
	return grove_steal(dir);
}

void grove_listen_dir_remove(const char *dir)
{
	DIR *open = opendir(dir);

	if (open) {
		struct dirent *entry;

		while ((entry = readdir(open)))
			if (entry->d_type == DT_SOCK || entry->d_type == DT_UNKNOWN)
				(void)unlinkat(dirfd(open), entry->d_name, 0);
		closedir(open);
	}
	/* what is no socket is not ours: then the folder stays, for somebody to see */
	(void)rmdir(dir);
}

/* A process that is killed closes one descriptor after the other: whoever sees the end of a channel
 * may find its listening socket still there. Wait for the end of that. */
static void wait_listener_closed(const struct grove_multiaddr *address)
{
	struct pollfd item = { .events = POLLRDHUP };
	_grove_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	item.fd = fd;
	if (fd >= 0 && connect(fd, &address->any, address->size) == 0)
		(void)poll(&item, 1, CLOSED_MS); /* else it lives, and the file is its own */
}

void grove_listen_tidy(const struct grove_multiaddr *address, const char *dir)
{
	if (grove_multiaddr_path(address))
		wait_listener_closed(address);
	if (is_left_over(address))
		(void)unlink(grove_multiaddr_path(address)); /* another orphan was faster */
	(void)rmdir(dir);				     /* fails while the others are there */
}

void grove_listen_unlink(const struct grove_addrs *addrs)
{
	for (size_t i = 0; i < addrs->count; i++) {
		const char *path = grove_multiaddr_path(&addrs->at[i]);

		if (path)
			(void)unlink(path); /* it may be gone already */
	}
}
