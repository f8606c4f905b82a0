/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session_sources.h - lines of source of the calls of interpreters, into the model of a look.
 */
#pragma once

#include "model/model.h"
#include "snag.h"

/*
 * The line that a thread or task is at: of its innermost call, and of the innermost one that is not
 * of a library. `which`: of the threads and tasks of the chain, or of all. `m` has its verdict.
 */
void session_sources(struct model *m, enum stacks_of which);
