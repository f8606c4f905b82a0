/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdict.h - from levels to a sentence with its evidence.
 */
#pragma once

#include "model/model.h"

/*
 * Solve the graph and fill m->verdict, m->sides, the levels of the waits and the findings that
 * follow from the graph. Depends on the model alone: a loaded capture gives the same answer.
 */
void verdict_give(struct model *m);
