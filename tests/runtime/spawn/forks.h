/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * forks.h - what a process that was forked and never calls exec has to do before it is an actor.
 *
 * It has all descriptors of its parent, without regard to close-on-exec, the name of the thread
 * that forked, and its signal mask. In the child grove_fork() has made grove itself usable again.
 */
#pragma once

#include <stdbool.h>

/* Room for the name of a thread, with its 0 byte (TASK_COMM_LEN). */
enum { GROVE_THREAD_NAME = 16 };

/* "fork:worker": the name under which ps shows who was forked for this actor. */
const char *grove_forked_name(const char *actor, char name[static GROVE_THREAD_NAME]);

/*
 * In the child: close all descriptors but 0 to 2, unless `keep`; SIGINT, SIGTERM and SIGCHLD as at
 * the start of a program, no signal blocked.
 */
void grove_forked_scrub(bool keep);
