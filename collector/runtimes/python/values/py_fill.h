/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_fill.h - variables and exceptions of a CPython process, into the model.
 */
#pragma once

#include "runtimes/python/py.h"
#include "runtimes/runtime.h"

enum { PY_LOCALS_MAX = 32 /* of one call */ };

/* The variables of a call, when they are asked for. Its frame is to be added next. */
void py_fill_locals(struct runtime_site *site, struct py *py, const struct py_frame *f,
		    struct script_values *ret);

/* The exceptions of a thread state whose thread is `thread`, once it has its frames. */
void py_fill_thread_exceptions(struct runtime_site *site, struct py *py, const struct py_thread *t,
			       uint32_t thread);

/* The exception that a coroutine handles, to the others of `task`. */
void py_fill_gen_exception(struct runtime_site *site, struct py *py, uint64_t gen, uint32_t task);
