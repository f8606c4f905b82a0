/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_child.h - processes for the tests of read/: they block where they are told to and die with
 * the test.
 */
#pragma once

#include <stdint.h>

/* A child that runs fn(arg), on /dev/null, and then exits. It is killed when the test ends. */
int32_t child_start(void (*fn)(void *arg), void *arg);

/*
 * Wait until thread `tid` of `tgid` is blocked in system call `nr`; fails the test after five
 * seconds.
 */
void child_wait_syscall(int32_t tgid, int32_t tid, int nr);

/* Wait until the thread's state is `state`; fails the test after five seconds. */
void child_wait_state(int32_t tgid, int32_t tid, char state);

/* The tid of a thread of `tgid` that is not the leader; fails the test after five seconds. */
int32_t child_wait_thread(int32_t tgid);

/* Kill and reap it. */
void child_end(int32_t tgid);
