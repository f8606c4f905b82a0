/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * files.h - which open files of a snapshot are one object; inside model/ only.
 *
 * Files are grouped by what tells objects of their sort apart: inode, eventfd-id, pty number, the
 * open file description. A sort is grouped when it is first asked for, because procfs has to be
 * read for some of them, and no text is made here: most files of a tree are never waited on.
 */
#pragma once

#include "base/strbuf.h"
#include "model/model.h"
#include "read/snapshot.h"

struct model_files;

/* The files that are one object. */
struct file_group {
	uint64_t a, b;	/* with kind: what they have in common */
	uint8_t kind;	/* enum file_kind */
	uint32_t first; /* 1 + index into snapshot.files; see files_next() */
	uint32_t last, count;
	uint32_t object; /* model id, 0: not made yet */
	bool described;	 /* descriptions were compared, see files_describe_group() */
};

/* Free it. NULL is fine. */
void model_files_free(struct model_files *x);

/* An empty buffer to write text in. Borrowed until the next call. */
struct strbuf *files_scratch(struct model *m, const struct snapshot *s);

/*
 * The group of `f`, an element of s->files or one that only names a kind and what identifies it
 * (dev, ino, id, value, description). NULL: no open file of the snapshot is that. Borrowed until
 * the next call.
 */
struct file_group *files_group(struct model *m, struct snapshot *s, const struct snap_file *f);

/*
 * All files of a kind, grouped: index of the first one + 1; then files_next_of_kind(). 0: there is
 * none.
 */
uint32_t files_of_kind(struct model *m, struct snapshot *s, enum file_kind kind);

/* The next file (1 + index) of the same kind, or of the same group; 0 at the end. */
uint32_t files_next_of_kind(const struct model *m, uint32_t file);
/* See files_next_of_kind(). */
uint32_t files_next(const struct model *m, uint32_t file);

/*
 * The group that file (1 + index) is in, after files_of_kind() of its kind. Borrowed until the next
 * call.
 */
struct file_group *files_group_of(const struct model *m, uint32_t file);

/*
 * Find out which files of the group share a description where that is unknown (procfs), by kcmp(2):
 * numbers snap_file.description. Only files of the tree, and only in groups of a bounded size.
 */
void files_describe_group(struct model *m, struct snapshot *s, struct file_group *g);

/* The number of the terminal that a descriptor is, as in /dev/pts/N; -1: it is not a pty. */
int64_t files_pty(const struct snapshot *s, const struct snap_file *f);
