/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * registrar.h - finding actors by name.
 *
 * Each actor registers with the registrar of its tree when it is up, and is forgotten when it says
 * so, when its connection to the registrar ends, or when somebody who looked for it found nobody
 * at its addresses and told. The registrar is an actor like any other: the root, unless another
 * one answered at the addresses it was given.
 *
 *	rc = grove_find_actor("worker", &portal, err);
 */
#pragma once

#include "runtime/actor/context.h"
#include "runtime/wire/msg.h"

/*
 * Connect to the actor of this name, at its nearest address. -ENOENT: nobody is called so (entries
 * of actors that do not answer are removed on the way); -ENOTUNIQ: several are, the error lists
 * them; -ENOTCONN: no registrar.
 */
GROVE_MUST_CHECK
int grove_find_actor(const char *name, struct grove_portal **ret, struct grove_error *err);

/* The same, but wait until there is one. */
GROVE_MUST_CHECK
int grove_wait_actor(const char *name, struct grove_portal **ret, struct grove_error *err);

/* All that are registered, as a message of kind FOUND to be released by the caller. */
GROVE_MUST_CHECK
int grove_query_actors(struct grove_msg *ret, struct grove_error *err);

/* Where the registrar of this tree listens; empty when it is this actor itself. Borrowed. */
const struct grove_addrs *grove_registrar_addrs(void);
