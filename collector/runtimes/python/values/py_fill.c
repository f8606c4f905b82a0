/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/values/py_fill.h"

#include "model/frames.h"
#include "runtimes/python/values/py_exceptions.h"
#include "runtimes/python/values/py_show.h"

static uint32_t string_of(struct runtime_site *site, const struct py *py, uint32_t id)
{
	return strtab_add(site->model->strings, strtab_get(py_strings(py->objs), id));
}

void py_fill_locals(struct runtime_site *site, struct py *py, const struct py_frame *f,
		    struct script_values *ret)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	struct strtab *strings = site->model->strings;
	struct py_local list[PY_LOCALS_MAX];
	uint32_t count, more;

	if (!site->locals)
		return;
	count = py_frame_locals(py, f, list, PY_LOCALS_MAX, &more);
	for (uint32_t i = 0; i < count; i++) {
		struct script_local local = {
			.name = string_of(site, py, py_str(py->objs, list[i].name)),
			.type = strtab_add(strings, py_type_name(py->objs, list[i].value)),
		};

		strbuf_reset(&b);
		py_show(py, list[i].value, &b);
		local.value = strtab_add(strings, strbuf_str(&b));
		if (!model_add_local(site->model, ret, local))
			return;
	}
	if (more)
		model_add_local(
			site->model, ret,
			(struct script_local){ .name = strtab_add(strings, "..."),
					       .value = strtab_addf(strings, "%u more", more) });
}

static bool add(struct runtime_site *site, const struct py *py, const struct py_exception *e,
		uint32_t thread, uint32_t task)
{
	return model_add_exception(site->model, thread, task,
				   (struct script_exception){ .type = string_of(site, py, e->type),
							      .text = string_of(site, py, e->text),
							      .raised = e->raised });
}

void py_fill_thread_exceptions(struct runtime_site *site, struct py *py, const struct py_thread *t,
			       uint32_t thread)
{
	struct py_exception list[PY_EXCEPTIONS_MAX];
	uint32_t count = py_exceptions(py, t, list, PY_EXCEPTIONS_MAX);

	for (uint32_t i = 0; i < count; i++)
		if (!add(site, py, &list[i], thread, 0))
			return;
}

void py_fill_gen_exception(struct runtime_site *site, struct py *py, uint64_t gen, uint32_t task)
{
	struct py_exception e;

	if (py_gen_exception(py, gen, &e))
		add(site, py, &e, 0, task);
}
