/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * py_codes.h - code objects of a CPython process, each read once.
 */
#pragma once

#include "runtimes/python/py_obj.h"

enum { PY_LINETABLE_MAX = 1 << 20 };

struct py_codes;

/* Include/cpython/code.h; the same in all versions. */
enum py_code_flag {
	PY_CO_OPTIMIZED = 0x1, /* a function: its variables have slots */
	PY_CO_GENERATOR = 0x20,
	PY_CO_COROUTINE = 0x80,
	PY_CO_ASYNC_GENERATOR = 0x200,
};

struct py_code {
	uint32_t file, name, qualname; /* strings of py_strings(); file 0: this is no code object */
	uint32_t first_line;
	uint32_t flags; /* co_flags, enum py_code_flag */
	uint64_t start; /* address of the first instruction, from 3.11 on */
	uint8_t *table; /* line table */
	size_t table_len;
	int64_t offset; /* of the line that was asked for last, -1 none */
	uint32_t line;
};

/* None yet. Never NULL. */
struct py_codes *py_codes_new(void);

/* Free them. NULL is fine. */
void py_codes_free(struct py_codes *c);
DEFINE_GUARD(py_codes)
#define _cleanup_py_codes_ _cleanup_(py_codes_free_guard)

/* The code object at `addr`; NULL: there is none. Borrowed until the next call. */
const struct py_code *py_codes_get(struct py_codes *c, struct py_objs *p, uint64_t addr);
