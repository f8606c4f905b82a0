/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * from_read.h - the model's actors, threads and objects from a snapshot.
 */
#pragma once

#include "model/model.h"
#include "read/snapshot.h"

/*
 * Fill an empty model: an actor for each process of the tree, parents before children, the root
 * first, with its spawn method and evidence and its threads. Waits and objects are added by the
 * waits layer: most open files of a tree are never waited on, so none is described before somebody
 * asks for it.
 */
void model_from_read(struct model *m, struct snapshot *s);

/*
 * The actor of a process of the snapshot, added as an outside one when it is not in the tree; 0: no
 * such.
 */
uint32_t model_actor_of(struct model *m, const struct snapshot *s, int32_t tgid);

/*
 * The object of an open file with all its holders that the snapshot knows, in and out of the tree,
 * its label, its details, and for sockets the peer. `f` may also be none of the snapshot's files
 * and only say what identifies one (kind; dev and ino; named, path); holders are then found all the
 * same.
 */
uint32_t model_file_object(struct model *m, struct snapshot *s, const struct snap_file *f);

/*
 * The descriptors of one socket of the snapshot: 1 + index of the file after `previous` (0: of the
 * first), 0 when there is no more. `sock` names it: kind, ino, and `sock` where that is known.
 */
uint32_t model_next_of_sock(struct model *m, struct snapshot *s, const struct snap_file *sock,
			    uint32_t previous);

/*
 * Findings that files, signals and processes show by themselves; docs/man/snag-why.1 lists them.
 * Call after the waits are there: what somebody waits for is not forgotten by him.
 */
void model_find_facts(struct model *m, struct snapshot *s);

/*
 * After the second stamps: carry `moved` and `gone` into the threads and drop the waits of those
 * that ran, so that all waits left held at one common instant. Renumbers waits. Call before
 * findings and verdict.
 */
void model_apply_stamps(struct model *m, const struct snapshot *s);
