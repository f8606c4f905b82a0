/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_SIZE = 16 << 20 };

int procfs_read(struct strbuf *b, const char *path, struct snag_error *err)
{
	char chunk[8192];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	strbuf_reset(b);
	if (fd < 0)
		return error_set(err, -errno, "%s: %m", path);
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_set(err, -errno, "%s: %m", path);
		if (!n)
			return 0;
		if (b->len + (size_t)n > MAX_SIZE)
			return error_set(err, -EFBIG, "%s: %m", path);
		strbuf_addn(b, chunk, (size_t)n);
	}
}

int procfs_read_of(struct strbuf *b, int32_t tgid, int32_t tid, const char *name,
		   struct snag_error *err)
{
	char path[128];

	if (tid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", tgid, tid, name);
	else
		snprintf(path, sizeof(path), "/proc/%d/%s", tgid, name);
	return procfs_read(b, path, err);
}

int procfs_slurp(int dirfd, const char *name, char *buf, size_t size)
{
	size_t len = 0;
	_cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	buf[len] = '\0';
	return (int)len;
}

int procfs_open_dir(int32_t tgid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", tgid, name ? name : "");
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A descriptor that it could not make a stream of is closed. */
static DIR *stream_of(int fd)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int why = errno;

	if (fd >= 0 && !dir)
		close(fd);
	errno = why;
	return dir;
}

DIR *procfs_opendir(int32_t tgid, const char *name)
{
	int fd = procfs_open_dir(tgid, name);

	if (fd < 0)
		errno = -fd;
	return stream_of(fd);
}

DIR *procfs_opendir_at(int dirfd, const char *name)
{
	return stream_of(openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int32_t procfs_number(const char *name)
{
	int64_t n = 0;

	if (!*name)
		return -1;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return -1;
		n = n * 10 + (*name - '0');
		if (n > INT32_MAX)
			return -1;
	}
	return (int32_t)n;
}

/* What follows "name" at the start of a line, spaces skipped; NULL when there is no such line. */
static const char *field(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (text && *text) {
		if (!strncmp(text, name, len)) {
			text += len;
			return text + strspn(text, " \t");
		}
		text = strchr(text, '\n');
		if (text)
			text++;
	}
	return NULL;
}

/* The number in `base` of the line `name`, whose first character is one of `digits`. */
static bool field_number(const char *text, const char *name, const char *digits, uint64_t *value)
{
	const char *p = field(text, name);
	char *end;
	uint64_t v;

	if (!p || !*p || !strchr(digits, *p))
		return false;
	errno = 0;
	v = strtoull(p, &end, (int)(strlen(digits) > 16 ? 16 : 8));
	if (errno)
		return false;
	*value = v;
	return true;
}

bool procfs_field_hex(const char *status, const char *name, uint64_t *value)
{
	return field_number(status, name, "0123456789abcdefABCDEF", value);
}

bool procfs_field_octal(const char *text, const char *name, uint64_t *value)
{
	return field_number(text, name, "01234567", value);
}

/* A decimal number at `p`, which ends at a blank, a newline or the end. */
static bool decimal(const char *p, int64_t *value)
{
	char *end;
	int64_t v;

	if (*p != '-' && (*p < '0' || *p > '9'))
		return false;
	errno = 0;
	v = strtoll(p, &end, 10);
	if (end == p || errno || !strchr(" \t\n", *end))
		return false;
	*value = v;
	return true;
}

bool procfs_field_int(const char *status, const char *name, int64_t *value)
{
	const char *p = field(status, name);

	return p && decimal(p, value);
}

bool procfs_field_last(const char *status, const char *name, int64_t *value)
{
	const char *p = field(status, name);
	bool found = false;

	while (p && decimal(p, value)) {
		found = true;
		p += strcspn(p, " \t\n");
		p += strspn(p, " \t");
	}
	return found;
}

bool procfs_hex(const char **p, uint64_t *value)
{
	static const char DIGITS[] = "0123456789abcdef";
	const char *at = *p;
	uint64_t v = 0;
	int n = 0;

	if (at[0] == '0' && at[1] == 'x')
		at += 2;
	for (; *at; at++, n++) {
		const char *digit = strchr(DIGITS, *at | 0x20);

		if (!digit)
			break;
		if (v >> 60)
			return false;
		v = v << 4 | (uint64_t)(digit - DIGITS);
	}
	if (!n)
		return false;
	*value = v;
	*p = at;
	return true;
}

bool procfs_decimal(const char **p, uint64_t *value)
{
	const char *at = *p;
	uint64_t v = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		uint64_t digit = (uint64_t)(*at - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	if (at == *p)
		return false;
	*value = v;
	*p = at;
	return true;
}
