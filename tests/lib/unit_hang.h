/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_hang.h - one whole model of a hang, verdict and all, for the tests of views and of what
 * changes models.
 */
#pragma once

#include "lib/unit_tree.h"

/*
 * make[810] waits for python3[811], which reads a pipe that itself and its child sleep[812] could
 * write; the child only sleeps. bash[4000] is outside. Every kind of string, a finding, a side
 * verdict and missing facts are there. Yours.
 */
struct model *hang_model(void);
