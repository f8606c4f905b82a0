/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procfs.h - small files of /proc, whole, and their common parses.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The whole file (at most 16 MiB) into `b`, which is reset first. -errno; -EFBIG when it is
 * longer.
 */
SNAG_MUST_CHECK
int procfs_read(struct strbuf *b, const char *path, struct snag_error *err);

/* As procfs_read(), of /proc/TGID/name or, with tid != 0, /proc/TGID/task/TID/name. */
SNAG_MUST_CHECK
int procfs_read_of(struct strbuf *b, int32_t tgid, int32_t tid, const char *name,
		   struct snag_error *err);

/*
 * The first size - 1 bytes of a small file below the folder `dirfd`, terminated: for loops, where
 * no message is wanted. The number of bytes or -errno.
 */
SNAG_MUST_CHECK
int procfs_slurp(int dirfd, const char *name, char *buf, size_t size);

/* The folder /proc/TGID, or with `name` a folder in it. A descriptor, yours, or -errno. */
SNAG_MUST_CHECK
int procfs_open_dir(int32_t tgid, const char *name);

/* As procfs_open_dir(), for readdir(3). Yours: closedir(3). NULL and errno when there is none. */
DIR *procfs_opendir(int32_t tgid, const char *name);

/* A folder below `dirfd` for readdir(3). Yours: closedir(3). NULL and errno when there is none. */
DIR *procfs_opendir_at(int dirfd, const char *name);

/* The number that the whole of `name` is: an entry of /proc, task or fd. -1 for anything else. */
int32_t procfs_number(const char *name);

/* The hexadecimal mask of a "SigBlk:"-like line of a status text; false when it is not there. */
bool procfs_field_hex(const char *status, const char *name, uint64_t *value);

/* The octal number of a "flags:"-like line of fdinfo; false when it is not there. */
bool procfs_field_octal(const char *text, const char *name, uint64_t *value);

/* The decimal number of a "TracerPid:"-like line; false when it is not there. */
bool procfs_field_int(const char *status, const char *name, int64_t *value);

/* The last column of a line like "NSpid:	812	1": the innermost pid namespace. */
bool procfs_field_last(const char *status, const char *name, int64_t *value);

/*
 * The hexadecimal number at *p, with or without "0x"; *p then stands behind it. False: there is
 * none, or it does not fit. For long texts: sscanf(3) measures all of the rest each time.
 */
bool procfs_hex(const char **p, uint64_t *value);

/* As procfs_hex(), a decimal number without a sign. */
bool procfs_decimal(const char **p, uint64_t *value);
