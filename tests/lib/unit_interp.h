/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_interp.h - a live interpreter whose objects are read: a program that tells where they are.
 *
 *	for (uint32_t i = 0; interp_start(&x, i, "print(id([1]))\ninput()"); i++) {
 *		list = python_number(&x.py);
 *		interp_open(&x);
 *		cr_expect_eq(py_len(x.p->objs, list), 1);
 *		interp_end(&x);
 *	}
 */
#pragma once

#include "lib/unit_python.h"
#include "runtimes/python/py.h"

struct mem;

/* A word of its memory that is read as something else. */
struct interp_patch {
	uint64_t addr, value;
};

enum { INTERP_PATCHES = 4 };

struct interp {
	struct python py;
	struct mem *mem;
	struct py_mem *pages;
	struct py *p;
	uint64_t runtime; /* _PyRuntime */
	struct interp_patch patches[INTERP_PATCHES];
	uint32_t patch_count;
};

/*
 * Run `script` with the i-th interpreter of this machine; ctypes, os, sys, threading and time are
 * imported already. False: there is no such one.
 */
bool interp_start(struct interp *x, uint32_t i, const char *script);

/* Open it for reading, as it is now. Again: forget what was read. Patches count from then on. */
void interp_open(struct interp *x);

/* Kill it, and free all. */
void interp_end(struct interp *x);
