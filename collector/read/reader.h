/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.h - where the facts come from: `bpf` (iterators, root) or `procfs` (no privilege).
 *
 * One instant is read with a double collect: reader_begin() takes first stamps and facts, then
 * reader_files() the files, the caller decodes waits with on-demand reads (mem.h, fdinfo.h, maps.h,
 * socks.h, locks.h), and reader_finish() takes the second stamps: a thread whose stamp is equal
 * never ran in between, so what was read of it holds.
 *
 *	_cleanup_reader_ struct reader *r = NULL;
 *	rc = reader_open("auto", &r, err);
 *	rc = reader_begin(r, &scope, &snapshot, err);
 *	rc = reader_files(r, snapshot, err); ... 1: begin again
 *	... decode ...
 *	rc = reader_finish(r, snapshot, err);
 */
#pragma once

#include "base/error.h"
#include "read/snapshot.h"
#include "read/stack.h"

/* Which processes are the tree. */
struct read_scope {
	const int32_t *roots; /* tgids; the first one is the root of the report */
	uint32_t root_count;
	const int32_t *also; /* added by --also, with their descendants */
	uint32_t also_count;
	const char *match;  /* extended regular expression on the command line, or NULL */
	const char *cgroup; /* path below the cgroup mount, or NULL */
};

struct reader;

/* One way to read; reader_bpf and reader_procfs are the two there are. */
struct reader_ops {
	const char *name;
	/* Set up; *priv is the reader's own state. -EPERM, -EOPNOTSUPP: not on this host. */
	int (*open)(void **priv, struct snag_error *err);
	/* All processes of the host, by identity; may fill tasks and namespaces of all at once. */
	int (*processes)(void *priv, struct snapshot *s, struct snag_error *err);
	/* The threads of the processes with in_tree, in full. */
	int (*threads)(void *priv, struct snapshot *s, struct snag_error *err);
	/*
	 * The files of the processes with in_tree, and the outside holders of the same objects.
	 * Leaves the snapshot indexed.
	 */
	int (*files)(void *priv, struct snapshot *s, struct snag_error *err);
	/*
	 * Second stamps of the threads of the tree: sets moved, gone; a new thread sets its
	 * leader's moved.
	 */
	int (*restamp)(void *priv, struct snapshot *s, struct snag_error *err);
	/* Stacks will be asked for: begin to load what they take. */
	void (*want_stacks)(void *priv);
	/* Answer a batch; what stands in the way goes into the missing list of `s`. */
	int (*stacks)(void *priv, struct snapshot *s, const struct stack_batch *b,
		      struct snag_error *err);
	void (*close)(void *priv);
};

/* The two readers. */
extern const struct reader_ops reader_bpf, reader_procfs;

/*
 * Open a reader by name: "auto", "bpf" or "procfs". auto prefers bpf and remembers why it could
 * not be had, for reader_begin() to put into the snapshot's missing list. -EINVAL for another
 * name.
 */
SNAG_MUST_CHECK
int reader_open(const char *name, struct reader **ret, struct snag_error *err);

/* Close it. NULL is fine. */
void reader_free(struct reader *r);
DEFINE_GUARD(reader)
#define _cleanup_reader_ _cleanup_(reader_free_guard)

/* "bpf" or "procfs". */
const char *reader_name(const struct reader *r);

/*
 * First stamps and facts of the tree of `scope`, into a new snapshot: all but arguments and files.
 * -ESRCH when no process fits. A process that vanishes meanwhile or may not be read is data, not a
 * failure.
 */
SNAG_MUST_CHECK
int reader_begin(struct reader *r, const struct read_scope *scope, struct snapshot **ret,
		 struct snag_error *err);

/* The arguments, now. Else they come with the files, as they are read beside these. */
void reader_details(struct reader *r, struct snapshot *s);

/*
 * The files, which may have to wait for what their reader needs. 0, or 1: it cannot be had and
 * "auto" has changed to the other one, begin again.
 */
SNAG_MUST_CHECK
int reader_files(struct reader *r, struct snapshot *s, struct snag_error *err);

/* Second stamps: sets `moved` and `gone` of each task of the tree. */
SNAG_MUST_CHECK
int reader_finish(struct reader *r, struct snapshot *s, struct snag_error *err);

/*
 * Read the files again: *same is true when every waitable object of the tree has the holders that
 * it has in `s`. A descriptor may have been passed on while we looked; a proven verdict asks for
 * this.
 */
SNAG_MUST_CHECK
int reader_same_holders(struct reader *r, const struct snapshot *s, bool *same,
			struct snag_error *err);

/* Stacks will be asked for: what they take is loaded in the background. */
void reader_want_stacks(struct reader *r);

/*
 * Registers and the tops of stacks of up to STACK_BATCH threads: out[i] for asks[i]. Whatever could
 * not be had of one is in its `status` and `why`. The bytes are borrowed until the next call. With
 * `with_bytes` false only stamps (and through bpf registers), faster: to see who has not moved.
 */
SNAG_MUST_CHECK
int reader_stacks(struct reader *r, struct snapshot *s, const struct stack_batch *batch,
		  struct snag_error *err);
