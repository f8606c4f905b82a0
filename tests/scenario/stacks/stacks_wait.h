/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacks_wait.h - waiting until a program that the scenario did not write is at rest.
 */
#pragma once

#include "lib/scenario_stacks.h"

/* A program of $BUILD/patients. In the ring of text(). */
const char *stacks_patient(const char *name);

/* Wait until the first thread of `pid` is called `comm`: how patients say that all is made. */
void stacks_wait_name(pid_t pid, const char *comm);

/* Wait until `pid` has `count` threads at least. */
void stacks_wait_threads(pid_t pid, size_t count);

/* Every thread of `pid` must be blocked before snag is asked; at most 64 threads a scenario. */
void stacks_blocked(pid_t pid);

/* Run a program to its end; whether it succeeds. */
bool stacks_works(char *const argv[]);

/* Run a compiler or the like to its end; the scenario dies when it fails. */
void stacks_run(char *const argv[]);
