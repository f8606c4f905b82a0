/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/locks/parked.h"

#include <stdarg.h>
#include <string.h>

enum {
	LOCK_WORD = 16, /* behind PyObject_HEAD */
	/* m_self of PyCFunctionObject, im_self of PyMethodObject */
	BOUND_SELF = 24,
	SLOTS_MAX = 192, /* of one frame, locals and stack */
};

/* ---- what it is ------------------------------------------------------------------------------ */

void py_parked_make(struct py_parked *x, enum wait_type kind, const char *what, uint64_t object)
{
	x->park = (struct park){
		.thread = x->thread,
		.kind = (uint8_t)kind,
		.by = PARK_PROCESS,
		.as = AS_SETTER,
		.signals = true,
		.what = strtab_add(x->m->strings, what),
		.object = object,
	};
	x->what = what;
	x->others.count = 0;
	strbuf_reset(&x->facts);
	x->detail = (struct jsonw){ .out = &x->facts };
}

bool py_parked_in(const struct py_parked *x, const char *what, uint64_t object)
{
	return x->what && object && x->park.object == object && !strcmp(x->what, what);
}

void py_parked_says(struct py_parked *x, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	x->park.text = strtab_addv(x->m->strings, fmt, args);
	va_end(args);
}

/* ---- evidence -------------------------------------------------------------------------------- */

bool py_parked_at(const struct py_parked *x, uint64_t object)
{
	if (!x->futex || !object)
		return false;
	return x->key == object + LOCK_WORD ||
	       py_mem_u64(x->py->mem, object + LOCK_WORD) == x->futex;
}

/* What a slot leads to: itself, or what it is bound to. */
static uint64_t accepted(struct py_parked *x, uint64_t obj,
			 bool (*is)(struct py_parked *, uint64_t))
{
	struct py_objs *p = x->py->objs;

	if (!obj || !py_type(p, obj))
		return 0;
	if (is(x, obj))
		return obj;
	if (!py_is(p, obj, "builtin_function_or_method") && !py_is(p, obj, "builtin_method") &&
	    !py_is(p, obj, "method"))
		return 0;
	obj = py_ref(p, obj + BOUND_SELF);
	return obj && is(x, obj) ? obj : 0;
}

/* Before 3.11 a frame has its stack elsewhere than its locals, but in one piece with them. */
uint64_t py_parked_find(struct py_parked *x, bool (*is)(struct py_parked *x, uint64_t obj))
{
	struct py_objs *p = x->py->objs;
	uint64_t at;

	if (!x->frame_count)
		return 0;
	at = x->frames[0].addr + py_layout(p)->f_locals;
	for (uint32_t i = 0; i < SLOTS_MAX; i++) {
		uint64_t found = accepted(x, py_uncell(p, py_ref(p, at + (uint64_t)i * 8)), is);

		if (found)
			return found;
	}
	return 0;
}

bool py_parked_is(const struct py_parked *x, const struct py_frame *f, const char *file,
		  const char *function)
{
	return py_frame_is(x->py, f, file, function);
}

uint64_t py_parked_local(struct py_parked *x, const struct py_frame *f, const char *name)
{
	return py_frame_value(x->py, f, name);
}

uint64_t py_parked_attr(struct py_parked *x, uint64_t obj, const char *name)
{
	return py_attr_value(x->py->objs, obj, name);
}

int64_t py_parked_int(struct py_parked *x, uint64_t obj, const char *name, int64_t none)
{
	return py_attr_number(x->py->objs, obj, name, none);
}

const char *py_parked_text(struct py_parked *x, uint64_t obj)
{
	return py_text(x->py->objs, obj);
}
