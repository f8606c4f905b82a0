/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * space.h - System V queues and semaphores: named by a number that any process of the IPC namespace
 * may use.
 *
 * Nothing is opened, so nobody "has" one: whoever knows the number and may use it is a candidate.
 */
#pragma once

#include "waits/wait.h"

/*
 * Is the process in snag's own IPC namespace, so that msgctl(2) and semctl(2) speak of the same
 * numbers?
 */
bool ipc_is_ours(int32_t tgid);

/* "sysv-msg:[3]"; all processes of the tree in the namespace of `tgid` are its holders. */
uint32_t ipc_object(struct wait_ctx *c, int32_t tgid, const char *kind, int32_t id);

/* ", last used by 812 (worker)" for texts; empty when `pid` is 0. */
struct wait_name ipc_last_user(struct wait_ctx *c, int32_t pid);
