/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_find.h - is there a CPython in a process, where is its _PyRuntime, which version is it?
 */
#pragma once

#include "runtimes/python/py_mem.h"
#include "runtimes/runtime.h"

struct py_found {
	uint64_t runtime; /* address of _PyRuntime; 0: then `why` */
	uint32_t version; /* PY_VERSION_HEX, without the lower bytes that could not be told */
	uint32_t minor;	  /* of 3.minor, 0 unknown */
	uint64_t secret;  /* address of _Py_HashSecret, 0 unknown */
	const char *why;  /* a static text, or NULL */
};

/* False: this process has nothing to do with Python. */
bool py_find(struct runtime_site *site, struct py_mem *mem, struct py_found *found);
