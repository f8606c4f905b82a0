/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * truth.h - what an actor did, as it says itself: one JSON object a line, safe against crashes.
 *
 * The file is $GROVE_TRUTH/NAME.TGID.TID.jsonl; without that variable nothing is written. Each
 * line goes out by one write(2) with O_APPEND as it happens, so what was written before a SIGKILL
 * is there, and no line is there in part. A line may begin with blanks. Scenarios hold snag's
 * verdict against it. Every line has "t" (monotonic ns), "event", "actor", "pid", "tid" and, inside
 * a task, "task".
 *
 *	grove_truth("spawned-by", grove_fact_text("parent", name), grove_fact_int("pid", pid));
 *
 * Events of core: opened, cancelled-by (a scope was cancelled: scope, by, who, text),
 * cancel-delivered (the first time a task sees that cancel), task-exit, state
 * (grove_truth_state()), loop-exit.
 * Events of the layers above: spawned-by, actor-exit, fault-armed, and what they document.
 */
#pragma once

#include "runtime/core/base.h"

struct grove_fact {
	const char *key;  /* NULL ends the list */
	const char *text; /* NULL: the number counts */
	int64_t number;
};

/* A fact of a line: key with a text (escaped as JSON needs it; NULL is ""). */
static inline struct grove_fact grove_fact_text(const char *key, const char *text)
{
	return (struct grove_fact){ .key = key, .text = text ? text : "" };
}

/* A fact of a line: key with a whole number. */
static inline struct grove_fact grove_fact_int(const char *key, int64_t number)
{
	return (struct grove_fact){ .key = key, .number = number };
}

/*
 * From now on this thread logs as `actor` into its own file; a former one is closed. The first
 * line is "opened". 0 also when $GROVE_TRUTH is not set; -errno when the file cannot be made.
 */
GROVE_MUST_CHECK
int grove_truth_open(const char *actor, struct grove_error *err);

/* Close the log of this thread. Nothing happens when there is none. */
void grove_truth_close(void);

/* Whether lines of this thread are written: ask before computing something costly. */
bool grove_truth_is_open(void);

/* Write one line; facts are ended by a NULL key. A line longer than 4 KiB loses its last facts and
 * gets "cut":1. */
void grove_truth_log(const char *event, const struct grove_fact *facts);

/* Build code: a list of facts in place, with its end. */
#define grove_truth(event, ...)                                                                    \
	grove_truth_log(event, (const struct grove_fact[]){ __VA_ARGS__, { .key = NULL } })

/* One "state" line a task of this thread's loop: name, state, what it waits for, cancel flags. */
void grove_truth_state(void);
