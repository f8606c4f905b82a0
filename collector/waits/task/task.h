/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.h - from what a task awaits, as its runtime tells, to a wait with its terms.
 */
#pragma once

#include "waits/wait.h"

/*
 * Make a wait of every await of the model, which runtimes filled after waits_decode(). A task's
 * wait belongs to the thread that runs its loop.
 */
void waits_decode_tasks(struct wait_ctx *c);
