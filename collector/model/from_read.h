/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * from_read.h - the model's actors, threads and objects from a snapshot.
 */
#pragma once

#include "model/model.h"
#include "read/snapshot.h"

/*
 * Fill an empty model: an actor for each process of the tree with its spawn method and evidence, its threads,
 * and an object with holders for each open file that can be waited on. Waits are added by the waits layer.
 */
void model_from_read(struct model *m, struct snapshot *s);

/* The actor of a process of the snapshot, added as an outside one when it is not in the tree. */
uint32_t model_actor_of(struct model *m, const struct snapshot *s, int32_t tgid);

/* The object of an open file with all its holders that the snapshot knows, in and out of the tree. */
uint32_t model_file_object(struct model *m, struct snapshot *s, const struct snap_file *f);

/* After the second stamps: carry `moved` and `gone` into the threads, and drop the waits of those that ran. */
void model_apply_stamps(struct model *m, const struct snapshot *s);
