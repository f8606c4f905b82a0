/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn.h - how each process came to be, as far as its present state still tells.
 */
#pragma once

#include "model/model.h"
#include "read/snapshot.h"

/*
 * Set the spawn fields of all actors of the tree. Every claim has its evidence; `unknown` says what
 * is missing. Nothing is read: the facts are in the snapshot.
 */
void spawn_find(struct model *m, const struct snapshot *s);
