/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes.h - the bytes of a file, or of memory that was once a file, read as they are needed.
 *
 * Not mmap(2): a file that is cut while it is mapped raises SIGBUS, and one on a dead FUSE or NFS
 * mount hangs in a page fault that nothing can end. Here a block is copied on first use, straight
 * from the page cache when it is there (RWF_NOWAIT) and by a worker with a deadline when it is not.
 * Pointers stay valid until bytes_free().
 */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "read/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct bytes;

/* Where a piece of a file is mapped in a process. */
struct bytes_piece {
	uint64_t offset, len; /* of the file */
	uint64_t addr;
};

/* Of a regular file, `size` bytes long; `fd` is theirs now. Never NULL. */
struct bytes *bytes_of_fd(int fd, uint64_t size);

/* Of the regular file at `path`; NULL: there is none, or it does not answer in time. Yours. */
struct bytes *bytes_open(const char *path);

/*
 * The same, of the file that a process whose root folder is `root` calls `path`: links lead nowhere
 * out of that. *st is what fstat(2) says. NULL also before Linux 5.6.
 */
struct bytes *bytes_open_in(const char *root, const char *path, struct stat *st);

/*
 * Open a regular file for reading, and nothing else: opening a device may have effects. The time
 * of its last access stays where we may say so. A descriptor or -errno. May take as long as the
 * file system likes.
 */
SNAG_MUST_CHECK
int bytes_open_regular(const char *path, struct stat *st);

/* Of `len` bytes from malloc(3), theirs now. Never NULL. */
struct bytes *bytes_of_memory(void *data, uint64_t len);

/*
 * Of a file that cannot be opened, as far as `tgid` has it mapped; the pieces are copied. What is
 * not mapped is missing. Never NULL.
 */
struct bytes *bytes_of_target(int32_t tgid, const struct bytes_piece *pieces, uint32_t count);

/* Free them. NULL is fine. */
void bytes_free(struct bytes *b);
DEFINE_GUARD(bytes)
#define _cleanup_bytes_ _cleanup_(bytes_free_guard)

/* How long the file is. */
uint64_t bytes_size(const struct bytes *b);

/* `len` bytes at `offset`, or NULL when they are not all there. Borrowed until bytes_free(). */
const uint8_t *bytes_at(struct bytes *b, uint64_t offset, uint64_t len);

/*
 * The same, copied to `buf`; what was not read before is not kept, either: for a pass over much of
 * a file. False when they are not all there.
 */
SNAG_MUST_CHECK
bool bytes_copy(struct bytes *b, uint64_t offset, void *buf, uint64_t len);

/* As many bytes of `len` at `offset` as there are, *got of them; NULL when there are none. */
const uint8_t *bytes_upto(struct bytes *b, uint64_t offset, uint64_t len, uint64_t *got);

/* The open file, for libraries that read it themselves; -1 when it is none. Borrowed. */
int bytes_fd(const struct bytes *b);

/* Read no more: what is there stays, everything else is missing from now on. */
void bytes_close(struct bytes *b);

/* Why something was missing last, a static string, or NULL. */
const char *bytes_why(const struct bytes *b);

/* How much was read so far. */
uint64_t bytes_read_count(const struct bytes *b);
