/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds.h - what threads of Python wait for, one line each. X(name) is `const struct py_lock_kind
 * py_lock_name` in a file of its own. In each frame the first one that does not decline has it.
 */
#pragma once

/* clang-format off */
#define PY_LOCKS(X) \
	X(lock) /* threading.Lock, RLock */ \
	X(condition) /* Condition, Event, Semaphore, Barrier */ \
	X(join) /* Thread.join() and the end of the program */ \
	X(queue) \
	X(import) /* of a module by another thread */ \
	X(logging) /* the locks of its handlers */ \
	X(future) /* concurrent.futures */ \
	X(semlock) /* locks and queues of multiprocessing */ \
	X(connection) /* its pipes, and Process.join() */
/* clang-format on */
