/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * semlock.h - semaphores that processes of multiprocessing share (Modules/_multiprocessing).
 *
 * Lock, RLock, Semaphore, Condition, Event and the queues are all made of them. The semaphore lies
 * in a file of /dev/shm that every process has mapped; what each process knows of it is its own:
 * how often it has taken it without giving it back, and by which thread last. So who has a lock is
 * told by its owner only.
 */
#pragma once

#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

/* SemLockObject, Modules/_multiprocessing/semaphore.c; the same from 3.9 to 3.15. */
struct py_semlock {
	uint64_t handle; /* the sem_t */
	uint64_t owner;	 /* ident of the thread that took it last */
	int32_t count;	 /* so often by this process */
	int32_t max;
	bool recursive;
	uint64_t place; /* what tells it apart in all processes: of its file; 0 unknown */
};

/* The object at `obj`; false: it is none. */
bool py_semlock_read(struct runtime_site *site, struct py *py, uint64_t obj,
		     struct py_semlock *ret);

/* "multiprocessing.RLock", "multiprocessing.Lock" or "multiprocessing.Semaphore", static. */
const char *py_semlock_name(const struct py_semlock *s);

/*
 * Put into the model which of them the process holds, and which it knows and does not hold, as far
 * as multiprocessing lists them: whatever was made in this process or before it was forked. Of what
 * a child of spawn or a fork server was given: what it holds, as far as its calls have it at hand.
 */
void py_semlocks_read(struct runtime_site *site, struct py *py);
