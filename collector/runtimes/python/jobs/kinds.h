/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds.h - what gives threads of Python something to do, one line each. X(name) is `const struct
 * py_job_kind py_job_name` in a file of its own.
 */
#pragma once

/* clang-format off */
#define PY_JOBS(X) \
	X(pool)     /* multiprocessing.Pool */ \
	X(executor) /* concurrent.futures */ \
	X(test)     /* pytest, unittest */
/* clang-format on */
