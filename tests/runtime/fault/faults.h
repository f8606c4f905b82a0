/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.h - hangs that real actor runtimes had, to be switched on by name. Adding one is a file
 * and a line here.
 *
 * A fault is armed in every actor of a tree, by the name that the root hands down. It switches a
 * defect on (core's or actor/'s), or puts a function in the place of what a leaf or an inner node
 * of grove-tree does, or both.
 */
#pragma once

#include "runtime/actor/program.h"

struct grove_fault {
	const char *name;     /* of --fault */
	const char *text;     /* one line: what will hang */
	const char *backends; /* names with a space between them; NULL: all */
	/* Switch it on in the actor that begins. NULL: nothing to do. */
	int (*arm)(struct grove_actor *actor, struct grove_error *err);
	/* What a leaf does once the tree is up, instead of waiting for ever. NULL: that. */
	grove_call_fn *leaf;
	/* What an inner node does once all below it is up, before it waits. NULL: nothing. */
	grove_call_fn *node;
};

/* Builds code: X(name in C) for each. */
#define GROVE_FAULTS(X)

#define X(name) extern const struct grove_fault grove_fault_##name;
GROVE_FAULTS(X)
#undef X

/* All of them, ended by NULL. */
extern const struct grove_fault *const grove_faults[];

/* The fault of a name; NULL: there is none. */
const struct grove_fault *grove_fault_find(const char *name);

/* Whether it applies to a backend. */
bool grove_fault_applies(const struct grove_fault *fault, const char *backend);

/* For struct grove_program: arm the fault of this name. -EINVAL: there is none. */
int grove_fault_arm(const char *name, struct grove_actor *actor, struct grove_error *err);
