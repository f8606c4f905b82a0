/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_stacks.h - native stacks in scenarios: what a patient says of them, and the comparison.
 *
 * The scenario names gdb in .needs and has .options = "--stacks". gdb is asked after snag and after
 * the check that nobody ran, for it stops the processes and may end their waits.
 */
#pragma once

#include "lib/scenario.h"

#include <jansson.h>

struct strbuf;

/*
 * The stacks of all threads of `pid` are, by pc, the physical frames that gdb finds. `but` says why
 * snag may have fewer of them, or guess some, and is printed with each of those; NULL: it has all.
 * What snag is certain of must be right in any case.
 */
void truth_stacks(pid_t pid, const char *but);

/*
 * The stack of thread `tid` (0: the first) of `pid`, which gdb cannot stop: behind its `own`
 * innermost frames come exactly these `count` return addresses, as backtrace(3) has them.
 */
void truth_frames(pid_t pid, pid_t tid, size_t own, void *const *pcs, size_t count);

/*
 * Of thread `tid` (0: the first) of `pid` the status, the reason or the end of its stack, as the
 * answer has them, hold these words, whatever the reader.
 */
void truth_stack_says(pid_t pid, pid_t tid, const char *words);

/*
 * For the runner: compare `answers`, one a reader or NULL, with what was said in the folder `dir`,
 * the last word is gdb's. Prints a summary; differences are appended to `why`. True when there are
 * none, as when nothing was said. `moving`: a thread that ran meanwhile is left out.
 */
bool stacks_compare(json_t *const *answers, const char *dir, bool moving, struct strbuf *why);
