/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_tree.h - small models by hand, for tests of what follows from waits.
 */
#pragma once

#include "model/model.h"

/*
 * A process with one thread in state S and no wait: it runs until tree_wait() is called. Returns
 * the actor.
 */
uint32_t tree_actor(struct model *m, int32_t pid, const char *name, uint32_t parent);

/* A further thread of the last actor. Returns the thread id. */
uint32_t tree_thread(struct model *m, uint32_t actor, int32_t tid);

/* The main thread of an actor. */
uint32_t tree_main(const struct model *m, uint32_t actor);

/* The thread waits; `text` is what people read. Returns the wait. */
uint32_t tree_wait(struct model *m, uint32_t thread, enum wait_type kind, const char *text);

/* One more term of the wait. */
void tree_term(struct model *m, uint32_t wait, enum term_kind kind, uint32_t id);

/* "waits for `child` to exit", by the main thread of `actor`. */
uint32_t tree_wait_exit(struct model *m, uint32_t actor, uint32_t child);

/* A pipe whose holders are complete. Returns the object. */
uint32_t tree_pipe(struct model *m, const char *key);

/* Reads the empty pipe, or writes to the full one, by the main thread of `actor`. */
uint32_t tree_wait_pipe(struct model *m, uint32_t actor, uint32_t pipe, bool write);
