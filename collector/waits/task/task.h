/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * task.h - from what a task awaits, as its runtime tells, to a wait with its terms.
 */
#pragma once

#include "waits/wait.h"

/*
 * What runtimes have told after waits_decode(): makes a wait of every await of the model and words
 * those of threads; adds the handlers of signals. A task's wait belongs to the thread that runs its
 * loop.
 */
void waits_decode_tasks(struct wait_ctx *c);

/* An await with a promise, on its way to become the wait `wait`. */
struct promised {
	struct wait_ctx *c;
	const struct await *a;
	const struct snap_process *process;
	const struct snap_task *task; /* the thread of its loop */
	uint32_t wait;
	const uint32_t *await_of; /* by task id: 1 + model.awaits, 0 none */
};

/*
 * The terms of a wait that somebody has promised to end: that one, or never when it is gone. Its
 * text and object, too. False: nothing is known of who has promised.
 */
bool waits_decode_promise(const struct promised *p);
