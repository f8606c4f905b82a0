/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_exceptions.h - exceptions in flight: raised and on their way up, or being handled.
 *
 *	n = py_exceptions(py, &py->threads[i], list, PY_EXCEPTIONS_MAX);
 */
#pragma once

#include "runtimes/python/py.h"

enum {
	PY_EXCEPTIONS_MAX = 16, /* of one thread or generator */
	PY_MESSAGE_BYTES = 200, /* of a text; longer ones are cut */
};

/* Strings are of py_strings(). */
struct py_exception {
	uint32_t type, text; /* text 0: it has none that is a str */
	bool raised;	     /* no except or finally clause has it as yet */
};

/* What an object says that is an exception; false: it is none. */
bool py_exception_of(struct py *py, uint64_t value, struct py_exception *e);

/*
 * Those of a thread: one that is raised, then those that its calls handle, the innermost first.
 * How many. sys.exc_info() of a call that handles none is that of its caller: each is told once.
 */
uint32_t py_exceptions(struct py *py, const struct py_thread *t, struct py_exception *list,
		       uint32_t max);

/* The one that a generator or coroutine which does not run handles; false: none. */
bool py_gen_exception(struct py *py, uint64_t gen, struct py_exception *e);
