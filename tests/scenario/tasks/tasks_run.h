/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tasks_run.h - Python programs that hang inside an event loop.
 */
#pragma once

#include "lib/scenario.h"

/*
 * Run `program` until its loop rests; returns its pid. It is the root that snag is asked about, its
 * first thread is blocked, and it hangs for ever.
 */
pid_t tasks_run(const char *program);

/* Everything is stated; wait for the end of that process. */
void tasks_wait(pid_t python);
