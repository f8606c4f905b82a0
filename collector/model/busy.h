/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * busy.h - movement that is no progress.
 *
 * CPU time is a bad sign of progress; bytes and events are good ones. A thread is busy when it ran
 * at each of several looks and nothing came of it: no byte read or written, no page touched for the
 * first time, no descriptor, thread or child made or ended.
 */
#pragma once

#include "model/model.h"
#include "read/snapshot.h"

/*
 * Set thread.busy in `m` from `count` snapshots of the same tree, the oldest first, at least three
 * of them. What a snapshot does not know (io of other users' processes) counts as progress: busy
 * must be shown.
 */
void busy_mark(struct model *m, struct snapshot *const *looks, uint32_t count);

/*
 * Did anything come of the running of any process of the tree between the first and the last look?
 */
bool busy_progress(struct snapshot *const *looks, uint32_t count);

/*
 * Set `polls` for the threads of the tree in `now` that wait in the same place as at an earlier
 * look, with nothing to show for having run since: a poller that its own time-out wakes.
 */
void busy_mark_pollers(const struct snapshot *before, struct snapshot *now);
