/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_interp.h"

#include "base/strbuf.h"
#include "read/mem.h"

#include <criterion/criterion.h>
#include <string.h>

static const char before[] = "import ctypes, os, sys, threading, time\n"
			     "runtime = ctypes.c_char.in_dll(ctypes.pythonapi, '_PyRuntime'); "
			     "print(ctypes.addressof(runtime), flush=True)\n";

bool interp_start(struct interp *x, uint32_t i, const char *script)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	memset(x, 0, sizeof(*x));
	if (!python_at(i, &x->py))
		return false;
	strbuf_addf(&b, "%s%s", before, script);
	python_start(&x->py, strbuf_str(&b));
	x->runtime = python_number(&x->py);
	return true;
}

static int read_patched(void *arg, uint64_t page, void *buf)
{
	const struct interp *x = arg;
	int rc = mem_read(x->mem, page, buf, PY_MEM_PAGE);

	for (uint32_t i = 0; rc == 0 && i < x->patch_count; i++)
		if (x->patches[i].addr / PY_MEM_PAGE == page / PY_MEM_PAGE)
			memcpy((char *)buf + x->patches[i].addr % PY_MEM_PAGE, &x->patches[i].value,
			       sizeof(uint64_t));
	return rc;
}

static void close_it(struct interp *x)
{
	py_free(x->p);
	py_mem_free(x->pages);
	mem_free(x->mem);
}

void interp_open(struct interp *x)
{
	const char *why = NULL;

	close_it(x);
	x->mem = mem_new(x->py.tgid, false);
	x->pages = py_mem_new(read_patched, x);
	x->p = py_open(x->pages, x->runtime, x->py.minor, &why);
	cr_assert(x->p, "%s: %s", x->py.path, why);
}

void interp_end(struct interp *x)
{
	close_it(x);
	python_end(&x->py);
}
