/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tasks.h - the tasks of trio and asyncio in a CPython process, into the model.
 *
 * Everything is read from objects of the interpreter: nothing of it is believed, each list is
 * capped, one bad object spoils one task.
 */
#pragma once

#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

/* The tasks of all interpreters of a process that is open already. */
void py_tasks_read(struct runtime_site *site, struct py *py);
