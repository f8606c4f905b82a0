/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/frames.h"

#include "model/tasks.h"

#include <assert.h>

struct code *model_code(const struct model *m, uint32_t id)
{
	assert(id && id <= m->codes.count);
	return &m->codes.at[id - 1];
}

uint32_t model_add_code(struct model *m, struct code code)
{
	code.first_inlined = code.inlined_count = 0;
	*vec_push(&m->codes) = code;
	return m->codes.count;
}

uint64_t code_start(const struct code *c)
{
	return c->function && c->offset <= c->address ? c->address - c->offset : 0;
}

void model_add_inlined(struct model *m, struct inlined inlined)
{
	struct code *c = model_code(m, m->codes.count);

	if (!c->inlined_count)
		c->first_inlined = m->inlined.count;
	c->inlined_count++;
	*vec_push(&m->inlined) = inlined;
}

bool model_add_frame(struct model *m, uint32_t thread, struct frame frame)
{
	struct thread *t = model_thread(m, thread);

	if (m->frames.count >= FRAMES_MAX)
		return false;
	if (!t->frame_count)
		t->first_frame = m->frames.count;
	assert(t->first_frame + t->frame_count == m->frames.count);
	assert(frame.code && frame.code <= m->codes.count);
	t->frame_count++;
	*vec_push(&m->frames) = frame;
	return true;
}

bool model_add_kernel_frame(struct model *m, uint32_t thread, const char *text)
{
	struct thread *t = model_thread(m, thread);

	if (m->kernel_frames.count >= FRAMES_MAX)
		return false;
	if (!t->kernel_count)
		t->first_kernel = m->kernel_frames.count;
	assert(t->first_kernel + t->kernel_count == m->kernel_frames.count);
	t->kernel_count++;
	*vec_push(&m->kernel_frames) = strtab_add(m->strings, text);
	return true;
}

const struct frame *model_frames(const struct model *m, uint32_t thread, uint32_t *count)
{
	const struct thread *t = model_thread(m, thread);

	*count = t->frame_count;
	return t->frame_count ? m->frames.at + t->first_frame : NULL;
}

bool model_add_script_frame(struct model *m, uint32_t thread, struct script_frame frame)
{
	struct thread *t = model_thread(m, thread);

	if (m->script_frames.count >= FRAMES_MAX)
		return false;
	if (!t->script.frame_count)
		t->script.first_frame = m->script_frames.count;
	assert(t->script.first_frame + t->script.frame_count == m->script_frames.count);
	t->script.frame_count++;
	*vec_push(&m->script_frames) = frame;
	return true;
}

const struct script_frame *model_script_frames(const struct model *m, uint32_t thread,
					       uint32_t *count)
{
	const struct thread *t = model_thread(m, thread);

	*count = t->script.frame_count;
	return *count ? m->script_frames.at + t->script.first_frame : NULL;
}

bool model_add_local(struct model *m, struct script_values *values, struct script_local local)
{
	if (m->locals.count >= LOCALS_MAX)
		return false;
	if (!values->count)
		values->first = m->locals.count;
	assert(values->first + values->count == m->locals.count);
	values->count++;
	*vec_push(&m->locals) = local;
	return true;
}

bool model_add_exception(struct model *m, uint32_t thread, uint32_t task,
			 struct script_exception exception)
{
	uint32_t *first, *count;

	if (m->exceptions.count >= EXCEPTIONS_MAX)
		return false;
	first = task ? &model_task(m, task)->first_exception :
		       &model_thread(m, thread)->script.first_exception;
	count = task ? &model_task(m, task)->exception_count :
		       &model_thread(m, thread)->script.exception_count;
	if (!*count)
		*first = m->exceptions.count;
	assert(*first + *count == m->exceptions.count);
	++*count;
	*vec_push(&m->exceptions) = exception;
	return true;
}

const struct script_exception *model_exceptions(const struct model *m, uint32_t thread,
						uint32_t task, uint32_t *count)
{
	uint32_t first = task ? model_task(m, task)->first_exception :
				model_thread(m, thread)->script.first_exception;

	*count = task ? model_task(m, task)->exception_count :
			model_thread(m, thread)->script.exception_count;
	return *count ? m->exceptions.at + first : NULL;
}

const char *script_kind_name(uint8_t kind)
{
	static const char *const names[] = { "function", "generator", "coroutine",
					     "async-generator" };

	return kind < SCRIPT_KINDS ? names[kind] : "function";
}

const char *script_gil_name(uint8_t gil)
{
	return gil == GIL_HELD ? "held" : gil == GIL_WANTED ? "wanted" : NULL;
}
