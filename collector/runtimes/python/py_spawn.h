/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_spawn.h - which of Python's ways to start processes a child came by.
 *
 * The kernel saw a fork or an exec; the parent's objects know who asked for it: Process objects of
 * multiprocessing, Popen objects of subprocess that a call still has, tasks that wait for an exit.
 * A child knows besides what it has kept of the call that made it, and which process called
 * start(): also when its parent is a fork server, or has died.
 */
#pragma once

#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

/* The child that the process knows by that pid, which is one of its own pid namespace: its actor,
 * or 0. */
uint32_t py_spawn_child(const struct runtime_site *site, int64_t pid);

/* Name the children of the process, and the process itself, in the model. */
void py_spawn_read(struct runtime_site *site, struct py *py);

/* Name the children for whose exits tasks of the process wait. Its tasks have been read by then. */
void py_spawn_read_tasks(struct runtime_site *site);
