/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objects.h - the steps that make an object of a group of files; inside model/ only.
 */
#pragma once

#include "base/strbuf.h"
#include "model/files.h"

/* The kind word of an object, e.g. "pipe"; a FIFO is "fifo". */
const char *object_kind(const struct snap_file *f);

/*
 * The key of the object that `f` is, equal for both readers, into `b`. `first` is its first holder
 * in the tree.
 */
void object_key(struct strbuf *b, const struct snapshot *s, const struct snap_file *f,
		const struct snap_file *first);

/*
 * What people read, into `b`: a path, addresses. Empty when the key says it all. `k` NULL: no
 * socket known.
 */
void object_label(struct strbuf *b, const struct snapshot *s, const struct snap_file *f,
		  const struct snap_sock *k);

/* The facts of the kind as a JSON object, into the empty `b`; nothing when there is none. */
void object_detail(struct strbuf *b, const struct snapshot *s, const struct snap_file *f,
		   const struct snap_sock *k);

/*
 * Add all holders of the group's object, and say in object.holders_seen how sure it is that these
 * are all. `fresh`: it has none yet.
 */
void object_holders(struct model *m, struct snapshot *s, struct file_group *g, bool fresh);

/* The same of a socket that nobody has open: whoever may receive it from a queue. */
void object_receivers(struct model *m, struct snapshot *s, uint32_t object,
		      const struct snap_file *f);
