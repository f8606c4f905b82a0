/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_tasks.h - event loops that know their own tasks, as patients.
 *
 * The programs are in tests/scenario/tasks/programs/; telling.py there says what they tell.
 */
#pragma once

#include "lib/scenario.h"

#include <jansson.h>

struct strbuf;

/*
 * Run that program (`program`.py, with `argument` unless it is NULL) with the interpreter; returns
 * its pid.
 */
pid_t tasks_spawn(const char *interpreter, const char *program, const char *argument);

/*
 * Wait until it has told everything. What snag says of its tasks must be that: the tasks by name,
 * their calls frame for frame, nurseries, scopes, cancels and waits.
 */
void truth_tasks(pid_t pid);

/* Give up, as one that is skipped, unless that interpreter can import the module. */
void python_needs(const char *interpreter, const char *module);

/* For the runner: hold `answers`, one a reader or NULL, against what was told in `dir`. */
bool tasks_compare(json_t *const *answers, const char *dir, struct strbuf *why);
