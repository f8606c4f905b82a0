/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jobs.h - what the threads of a CPython process were given to do: a test of pytest or unittest, a
 * job of a pool, a call of an executor; and who waits for that.
 */
#pragma once

#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

/* Put that into the model. Threads have their frames and names by then. */
void py_jobs_read(struct runtime_site *site, struct py *py);
