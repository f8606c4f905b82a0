/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwind/elf/bytes.h"

#include "base/alloc.h"
#include "read/deadline.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum {
	TIMEOUT_MS = 200,
	FILE_BLOCK = 4096,
	TARGET_BLOCK = 4096, /* a page: its neighbour may not be mapped */
};

/* No program is that large; the address space that is set aside is as large as the file. */
static const uint64_t MAX_SIZE = 1ull << 36;

enum block_state { BLOCK_UNREAD, BLOCK_READ, BLOCK_MISSING };

struct bytes {
	uint8_t *at;
	uint64_t size, read_count;
	uint32_t block;	 /* bytes a block */
	uint8_t *blocks; /* enum block_state of each; NULL: all of it is there */
	int fd;		 /* of a file, else -1 */
	struct mem *mem; /* of a target, else NULL */
	struct bytes_piece *pieces;
	uint32_t piece_count;
	const char *why;
};

/* Memory that costs nothing until it is written to. */
static struct bytes *reserve(uint64_t size, uint32_t block)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	struct bytes *b = xcalloc(1, sizeof(*b));
	void *at;

	b->fd = -1;
	b->block = block;
	b->at = NULL;
	if (size > MAX_SIZE)
		size = 0;
	if (!size)
		return b;
	/* cppcheck-suppress invalidFunctionArg; -1 is what MAP_ANONYMOUS asks for */
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (at == MAP_FAILED) {
		b->why = "no address space for it";
		return b;
	}
	b->at = at;
	b->size = size;
	b->blocks = xcalloc((size + block - 1) / block, 1);
	return b;
}

struct bytes *bytes_of_fd(int fd, uint64_t size)
{
	struct bytes *b = reserve(size, FILE_BLOCK);

	b->fd = fd;
	return b;
}

/* The file at an O_PATH descriptor, or -1 with errno, for reading. */
static int open_place(int place, struct stat *st)
{
	char self[64];
	int fd;

	if (place < 0 || fstat(place, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOATIME);
	if (fd < 0 && errno == EPERM)
		fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int bytes_open_regular(const char *path, struct stat *st)
{
	_cleanup_close_ int place = open(path, O_PATH | O_CLOEXEC);

	return open_place(place, st);
}

/* openat2(2), which glibc has no function for. */
static int open_regular_in(const char *root, const char *path, struct stat *st)
{
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	_cleanup_close_ int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int place = -1;

	if (dir < 0)
		return -errno;
	place = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	return open_place(place, st);
}

struct open_job {
	int fd; /* out */
	struct stat st;
	char root[64]; /* "": our own */
	char path[PATH_MAX];
};

static void open_job_free(void *arg)
{
	struct open_job *job = arg;

	if (job->fd >= 0)
		close(job->fd);
	free(job);
}

static int open_worker(void *arg)
{
	struct open_job *job = arg;

	job->fd = *job->root ? open_regular_in(job->root, job->path, &job->st) :
			       bytes_open_regular(job->path, &job->st);
	return job->fd < 0 ? job->fd : 0;
}

static struct bytes *open_file(const char *root, const char *path, struct stat *st)
{
	struct open_job *job = xcalloc(1, sizeof(*job));
	struct bytes *b = NULL;
	int rc;

	job->fd = -1;
	snprintf(job->root, sizeof(job->root), "%s", root);
	snprintf(job->path, sizeof(job->path), "%s", path);
	rc = deadline_call(open_worker, job, open_job_free, TIMEOUT_MS);
	if (rc == -ETIMEDOUT)
		return NULL;
	if (rc == 0)
		b = bytes_of_fd(steal_fd(&job->fd), (uint64_t)job->st.st_size);
	*st = job->st;
	open_job_free(job);
	return b;
}

struct bytes *bytes_open(const char *path)
{
	struct stat st;

	return open_file("", path, &st);
}

struct bytes *bytes_open_in(const char *root, const char *path, struct stat *st)
{
	return open_file(root, path, st);
}

struct bytes *bytes_of_memory(void *data, uint64_t len)
{
	struct bytes *b = xcalloc(1, sizeof(*b));

	b->fd = -1;
	b->at = data;
	b->size = len;
	return b;
}

struct bytes *bytes_of_target(int32_t tgid, const struct bytes_piece *pieces, uint32_t count)
{
	uint64_t size = 0;
	struct bytes *b;

	for (uint32_t i = 0; i < count; i++)
		if (pieces[i].len < MAX_SIZE && pieces[i].offset < MAX_SIZE &&
		    pieces[i].offset + pieces[i].len > size)
			size = pieces[i].offset + pieces[i].len;
	b = reserve(size, TARGET_BLOCK);
	b->mem = mem_new(tgid, false);
	b->pieces = xcalloc(count ? count : 1, sizeof(*pieces));
	memcpy(b->pieces, pieces, count * sizeof(*pieces));
	b->piece_count = count;
	return b;
}

void bytes_free(struct bytes *b)
{
	if (!b)
		return;
	bytes_close(b);
	if (b->blocks)
		munmap(b->at, b->size);
	else
		free(b->at);
	free(b->blocks);
	free(b->pieces);
	free(b);
}

void bytes_close(struct bytes *b)
{
	if (b->fd >= 0)
		close(b->fd);
	b->fd = -1;
	mem_free(b->mem);
	b->mem = NULL;
}

uint64_t bytes_size(const struct bytes *b)
{
	return b->size;
}

int bytes_fd(const struct bytes *b)
{
	return b->fd;
}

const char *bytes_why(const struct bytes *b)
{
	return b->why;
}

uint64_t bytes_read_count(const struct bytes *b)
{
	return b->read_count;
}

struct read_job {
	int fd;
	uint64_t offset, len;
	uint8_t data[];
};

static int read_worker(void *arg)
{
	struct read_job *job = arg;
	uint64_t done = 0;

	while (done < job->len) {
		ssize_t n = pread(job->fd, job->data + done, job->len - done,
				  (off_t)(job->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ENODATA;
		done += (uint64_t)n;
	}
	return 0;
}

/* The descriptor of a read that never came back stays open: the worker still uses it. */
static bool read_slowly(struct bytes *b, uint64_t offset, uint64_t len)
{
	struct read_job *job = xcalloc(1, sizeof(*job) + len);
	int rc;

	job->fd = b->fd;
	job->offset = offset;
	job->len = len;
	rc = deadline_call(read_worker, job, free, TIMEOUT_MS);
	if (rc == -ETIMEDOUT) {
		b->fd = -1;
		b->why = "its file system does not answer";
		return false;
	}
	if (rc == 0)
		memcpy(b->at + offset, job->data, len);
	else
		b->why = rc == -ENODATA ? "it was cut short" : "it could not be read";
	free(job);
	return rc == 0;
}

static bool read_file(struct bytes *b, uint64_t offset, uint64_t len)
{
	while (len) {
		struct iovec to = { .iov_base = b->at + offset, .iov_len = len };
		ssize_t n = b->fd < 0 ? 0 : preadv2(b->fd, &to, 1, (off_t)offset, RWF_NOWAIT);

		if (n <= 0)
			return b->fd >= 0 && read_slowly(b, offset, len);
		offset += (uint64_t)n;
		len -= (uint64_t)n;
	}
	return true;
}

/* A block of a target, as far as it is mapped: the rest stays 0, as in memory behind a file. */
static bool read_target(struct bytes *b, uint64_t offset, uint64_t len)
{
	if (!b->mem)
		return false;
	for (uint32_t i = 0; i < b->piece_count; i++) {
		const struct bytes_piece *p = &b->pieces[i];

		if (offset < p->offset || offset - p->offset >= p->len)
			continue;
		if (len > p->len - (offset - p->offset))
			len = p->len - (offset - p->offset);
		return mem_read(b->mem, p->addr + (offset - p->offset), b->at + offset, len) == 0;
	}
	return false;
}

/* Blocks [first, end), none of which was tried before. */
static bool load_blocks(struct bytes *b, uint64_t first, uint64_t end)
{
	uint64_t offset = first * b->block;
	uint64_t stop = end * b->block < b->size ? end * b->block : b->size;
	bool ok = b->pieces ? read_target(b, offset, stop - offset) :
			      read_file(b, offset, stop - offset);

	memset(b->blocks + first, ok ? BLOCK_READ : BLOCK_MISSING, end - first);
	if (ok)
		b->read_count += stop - offset;
	else if (!b->why)
		b->why = b->pieces ? "it is gone, and not all of it is in memory" :
				     "it is no longer open";
	return ok;
}

const uint8_t *bytes_at(struct bytes *b, uint64_t offset, uint64_t len)
{
	uint64_t first, last;

	if (offset > b->size || len > b->size - offset || !b->at)
		return NULL;
	if (!len || !b->blocks)
		return b->at + offset;
	first = offset / b->block;
	last = (offset + len - 1) / b->block;
	for (uint64_t i = first; i <= last; i++) {
		uint64_t end = i + 1;

		if (b->blocks[i] == BLOCK_READ)
			continue;
		if (b->blocks[i] == BLOCK_MISSING)
			return NULL;
		while (!b->pieces && end <= last && b->blocks[end] == BLOCK_UNREAD)
			end++;
		if (!load_blocks(b, i, end))
			return NULL;
	}
	return b->at + offset;
}

bool bytes_copy(struct bytes *b, uint64_t offset, void *buf, uint64_t len)
{
	struct iovec to = { .iov_base = buf, .iov_len = len };
	const uint8_t *at;

	if (offset > b->size || len > b->size - offset)
		return false;
	if (b->fd >= 0 && preadv2(b->fd, &to, 1, (off_t)offset, RWF_NOWAIT) == (ssize_t)len)
		return true;
	at = bytes_at(b, offset, len);
	if (at)
		memcpy(buf, at, len);
	return at;
}

const uint8_t *bytes_upto(struct bytes *b, uint64_t offset, uint64_t len, uint64_t *got)
{
	const uint8_t *at;

	if (offset >= b->size)
		return NULL;
	if (len > b->size - offset)
		len = b->size - offset;
	at = bytes_at(b, offset, len);
	if (!at && b->pieces) {
		/* Only what is on the same page is certain. */
		uint64_t rest = TARGET_BLOCK - offset % TARGET_BLOCK;

		len = len < rest ? len : rest;
		at = bytes_at(b, offset, len);
	}
	if (at)
		*got = len;
	return at;
}
