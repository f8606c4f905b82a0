/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_wait.h - what patients wait for before they say that they are ready. Each waits 10 s at
 * most, and dies when that is not enough.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Until a thread (tid 0: the first) is blocked and stays so. */
void wait_blocked(pid_t pid, pid_t tid);

/* Until the first thread of a process is in system call `nr`. */
void wait_call(pid_t pid, long nr);

/* Until cond(arg) holds; `what` is named when it does not. */
void wait_until(bool (*cond)(void *), void *arg, const char *what);

/* For the first child of `pid` (by birth, any thread's) whose comm is `comm` (NULL: any). */
pid_t wait_child(pid_t pid, const char *comm);

/* For a file, which has all of its content when it is there: the number that it begins with. */
pid_t wait_number(const char *path);
