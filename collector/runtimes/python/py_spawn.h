/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_spawn.h - which of Python's ways to start processes a child came by.
 *
 * The kernel saw a fork or an exec; the parent's objects know who asked for it: Process objects of
 * multiprocessing, Popen objects of subprocess that a call still has, and what a forked child has
 * kept of the call that made it.
 */
#pragma once

#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

/* The child that the process knows by that pid, which is one of its own pid namespace: its actor,
 * or 0. */
uint32_t py_spawn_child(const struct runtime_site *site, int64_t pid);

/* Name the children of the process, and the process itself, in the model. */
void py_spawn_read(struct runtime_site *site, struct py *py);
