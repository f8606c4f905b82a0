/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * procfs.h - small files of /proc, whole, and their common parses.
 */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

#include <stdint.h>

/* The whole file (at most 4 MiB) into `b`, which is reset first. -errno; -EFBIG when there is more. */
SNAG_MUST_CHECK
int procfs_read(struct strbuf *b, const char *path, struct snag_error *err);

/* As procfs_read(), of /proc/TGID/name or, with tid != 0, /proc/TGID/task/TID/name. */
SNAG_MUST_CHECK
int procfs_read_of(struct strbuf *b, int32_t tgid, int32_t tid, const char *name,
		   struct snag_error *err);

/* The hexadecimal mask of a "SigBlk:"-like line of a status text; false when it is not there. */
bool procfs_field_hex(const char *status, const char *name, uint64_t *value);

/* The decimal number of a "TracerPid:"-like line; false when it is not there. */
bool procfs_field_int(const char *status, const char *name, int64_t *value);
