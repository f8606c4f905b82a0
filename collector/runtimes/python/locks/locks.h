/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locks.h - for which lock, queue, future or thread of its program a thread of CPython waits, and
 * who can end that.
 */
#pragma once

#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

/*
 * Look at the innermost frames of each thread of the process that is blocked, and put what they
 * wait for into the model. Threads have their names and waits by then.
 */
void py_locks_read(struct runtime_site *site, struct py *py);
