/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session_stacks.h - native stacks of the threads of one look, into its model.
 *
 * Captured in batches, walked at once, named once a place in the code. At the end all threads that
 * were asked for are looked at a second time, registers only: whose counters are those of the
 * look's first stamps stood in its wait from then on, and so did its stack.
 */
#pragma once

#include "base/error.h"
#include "model/model.h"
#include "read/reader.h"
#include "snag.h"

struct files;
struct stacks;

/* Nothing taken yet. `files`: see struct unwind_opts. Never NULL. */
struct stacks *stacks_new(const struct stack_opts *opts, struct files *files);

/* Free it. NULL is fine. */
void stacks_free(struct stacks *x);
DEFINE_GUARD(stacks)
#define _cleanup_stacks_ _cleanup_(stacks_free_guard)

/*
 * Add to `m`, which was made of `s` and has its verdict, the stacks that the options say. What
 * could not be had of a thread is in its stack_why. Stacks of threads that did not run since the
 * last call are kept from then.
 */
SNAG_MUST_CHECK
int stacks_take(struct stacks *x, struct reader *r, struct snapshot *s, struct model *m,
		struct snag_error *err);
