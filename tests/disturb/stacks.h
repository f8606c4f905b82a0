/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacks.h - captures of the stacks of the target's threads, very many in a row.
 */
#pragma once

#include "disturb/target.h"

#include <stdbool.h>
#include <stdint.h>

/* How many captures were made, and of how many of them the stack was walked to its true end. */
struct stacks_made {
	uint64_t captures, stable, complete;
};

/*
 * Capture and walk the stacks of all threads of `t` until `want` captures are made. False with a
 * report on stdout when the reader fails.
 */
bool stacks_make(const struct target *t, const char *reader, uint64_t want,
		 struct stacks_made *made);
