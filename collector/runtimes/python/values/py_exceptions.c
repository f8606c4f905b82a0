/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/values/py_exceptions.h"

#include "runtimes/python/py_types.h"
#include "runtimes/python/values/py_show.h"

#include <inttypes.h>
#include <string.h>

/* PyBaseExceptionObject.args of Include/cpython/pyerrors.h, in all versions */
enum { EXC_ARGS = 24 };

/* A text of the process, cut. */
static uint32_t message_of(struct py *py, const char *text)
{
	size_t n = py_show_fit(text, PY_MESSAGE_BYTES);
	struct strtab *strings = py_strings(py->objs);

	if (!n)
		return 0;
	return text[n] ? strtab_addf(strings, "%.*s...", (int)n, text) : strtab_add(strings, text);
}

/*
 * What str() says of most exceptions, without calling it: their first argument, and what OSError
 * makes of errno and its text (Objects/exceptions.c).
 */
static uint32_t text_of(struct py *py, uint64_t exception)
{
	uint64_t args = py_ref(py->objs, exception + EXC_ARGS);
	uint64_t first = py_item(py->objs, args, 0), second = py_item(py->objs, args, 1);
	int64_t number;

	if (!py_has_flag(py->objs, args, PY_IS_TUPLE))
		return 0;
	if (py_has_flag(py->objs, first, PY_IS_STR))
		return message_of(py, py_text(py->objs, first));
	if (!py_derives(py->objs, exception, "OSError") || !py_int(py->objs, first, &number) ||
	    !py_has_flag(py->objs, second, PY_IS_STR))
		return 0;
	return strtab_addf(py_strings(py->objs), "[Errno %" PRId64 "] %.*s", number,
			   (int)py_show_fit(py_text(py->objs, second), PY_MESSAGE_BYTES),
			   py_text(py->objs, second));
}

bool py_exception_of(struct py *py, uint64_t value, struct py_exception *e)
{
	const char *name;

	if (!value || !py_has_flag(py->objs, value, PY_IS_EXCEPTION))
		return false;
	name = py_type_name(py->objs, value);
	*e = (struct py_exception){ .text = text_of(py, value) };
	e->type = strtab_add(py_strings(py->objs), name);
	return *name;
}

/*
 * Before 3.12 what is raised is a type and, until somebody wants to see it, no instance of that but
 * what it shall be made of (PyErr_NormalizeException()).
 */
static bool tell_raised(struct py *py, const struct py_thread *t, struct py_exception *e)
{
	uint64_t at = t->addr + py_layout(py->objs)->ts_raised, type = py_ref(py->objs, at), value;
	const struct py_type_info *info;

	if (!type || py->minor >= 12)
		return py_exception_of(py, type, e);
	value = py_ref(py->objs, at + 8);
	if (py_exception_of(py, value, e))
		return true;
	info = py_type_at(py->objs, type);
	*e = (struct py_exception){ .type = info ? info->name : 0 };
	if (info && py_has_flag(py->objs, value, PY_IS_STR))
		e->text = message_of(py, py_text(py->objs, value));
	return e->type;
}

uint32_t py_exceptions(struct py *py, const struct py_thread *t, struct py_exception *list,
		       uint32_t max)
{
	const struct py_offsets *off = py_layout(py->objs);
	uint64_t item = py_mem_u64(py->mem, t->addr + off->ts_exc_info);
	uint32_t count = 0;

	if (max && tell_raised(py, t, &list[0]))
		list[count++].raised = true;
	/* one item for each generator that runs, and one for the thread: the frames are no more */
	for (uint32_t i = 0; item && i < PY_FRAMES_MAX && count < max; i++) {
		if (py_exception_of(py, py_ref(py->objs, item + off->ei_value), &list[count]))
			count++;
		item = py_mem_u64(py->mem, item + off->ei_previous);
	}
	return count;
}

bool py_gen_exception(struct py *py, uint64_t gen, struct py_exception *e)
{
	const struct py_offsets *off = py_layout(py->objs);
	struct py_gen state;

	if (!py_gen_open(py, gen, &state) || !state.frame || state.state == PY_GEN_RUNNING)
		return false;
	return py_exception_of(
		py, py_ref(py->objs, py_untag(py->objs, gen) + off->gen_exc + off->ei_value), e);
}
