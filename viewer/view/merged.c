/* SPDX-License-Identifier: BSD-2-Clause */
#include "merged.h"

#include "model/frames.h"
#include "model/tasks.h"
#include "page.h"
#include "task_tree.h"

#include <string.h>

void merged_release(struct merged *x)
{
	vec_release(&x->calls);
	x->scripts = false;
}

/* Python/ceval.c: the function that runs Python code, in all versions. */
static bool is_loop(const struct model *m, const struct frame *f)
{
	static const char name[] = "_PyEval_EvalFrameDefault";

	return strncmp(model_str(m, model_code(m, f->code)->symbol), name, sizeof(name) - 1) == 0;
}

/* The file of the interpreter itself, 0 unknown. */
static uint32_t module_of(const struct model *m, const struct frame *frames, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (is_loop(m, &frames[i]))
			return model_code(m, frames[i].code)->module;
	return 0;
}

/* While it waits for the GIL it does not get on with its calls, though it wakes all the time. */
bool merged_is_still(const struct model *m, uint32_t thread)
{
	const struct thread *t = model_thread(m, thread);

	return !t->moved || (t->wait && model_wait(m, t->wait)->kind == WAIT_GIL);
}

static void add_native(struct merged *x, const struct frame *f)
{
	vec_push(&x->calls)->native = f;
}

/* The calls of one evaluation loop, from *at on. */
static void add_loop(struct merged *x, const struct script_frame *scripts, uint32_t count,
		     uint32_t *at)
{
	bool entry = false;

	for (; *at < count && !entry; (*at)++) {
		vec_push(&x->calls)->script = &scripts[*at];
		entry = scripts[*at].entry;
	}
}

/* Has each evaluation loop its calls? */
static bool fits(const struct model *m, const struct frame *frames, uint32_t count,
		 const struct script_frame *scripts, uint32_t script_count)
{
	uint32_t loops = 0, entries = 0;

	for (uint32_t i = 0; i < count; i++)
		loops += is_loop(m, &frames[i]);
	for (uint32_t i = 0; i < script_count; i++)
		entries += scripts[i].entry;
	return loops == entries;
}

void merged_read(struct merged *x, const struct model *m, uint32_t thread, bool whole)
{
	uint32_t count, script_count, at = 0, module;
	const struct frame *frames = model_frames(m, thread, &count);
	const struct script_frame *scripts = model_script_frames(m, thread, &script_count);
	bool exact;

	merged_release(x);
	if (!model_thread(m, thread)->stack_current)
		count = 0;
	if (!merged_is_still(m, thread))
		script_count = 0;
	module = script_count && !whole ? module_of(m, frames, count) : 0;
	exact = fits(m, frames, count, scripts, script_count);
	x->scripts = script_count != 0;
	for (uint32_t i = 0; i < count; i++) {
		bool loop = script_count && is_loop(m, &frames[i]);

		if (x->scripts && at == script_count && !whole)
			break;
		if (loop && exact)
			add_loop(x, scripts, script_count, &at);
		else if (loop)
			break;
		if (!module || model_code(m, frames[i].code)->module != module)
			add_native(x, &frames[i]);
	}
	for (; at < script_count; at++)
		vec_push(&x->calls)->script = &scripts[at];
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *function_of(const struct model *m, const struct script_frame *f)
{
	const char *name = model_str(m, f->qualified ? f->qualified : f->function);

	return *name ? name : "?";
}

void script_add(struct strbuf *out, const struct model *m, const struct script_frame *f)
{
	strbuf_adds(out, function_of(m, f));
	if (f->file)
		strbuf_addf(out, " (%s:%u)", file_name(m, f->file), f->line);
}

bool source_add(struct strbuf *out, const struct model *m, const struct source_of *of)
{
	if (of->source.text)
		strbuf_addf(out, "%s:%u: %s", model_str(m, of->file), of->line,
			    model_str(m, of->source.text));
	else if (of->source.why)
		strbuf_addf(out, "%s:%u: %s", model_str(m, of->file), of->line,
			    model_str(m, of->source.why));
	return of->source.text || of->source.why;
}

/* The outermost call with a line is the program's own, if there is one: see session_sources.h. */
struct source_of script_source(const struct model *m, uint32_t thread)
{
	uint32_t count;
	const struct script_frame *f = model_script_frames(m, thread, &count);
	struct source_of ret = { .file = 0 };

	for (uint32_t i = 0; i < count && merged_is_still(m, thread); i++)
		if (f[i].source.text || (f[i].source.why && !ret.source.text))
			ret = (struct source_of){ f[i].file, f[i].line, f[i].source };
	return ret;
}

struct source_of task_source(const struct model *m, uint32_t task)
{
	uint32_t count;
	const struct task_frame *f = model_task_frames(m, task, &count);
	struct source_of ret = { .file = 0 };

	for (uint32_t i = 0; i < count; i++)
		if (f[i].source.text || (f[i].source.why && !ret.source.text))
			ret = (struct source_of){ f[i].file, f[i].line, f[i].source };
	return ret;
}

/* One on its way up comes first. */
bool exceptions_add(struct strbuf *out, const struct model *m, const struct below *b)
{
	uint32_t count;
	const struct script_exception *e = model_exceptions(m, b->thread, b->task, &count);

	if (b->thread && !merged_is_still(m, b->thread))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		bool begins = !i || e[i].raised != e[i - 1].raised;

		strbuf_adds(out, i ? "; " : "");
		if (begins)
			strbuf_adds(out, e[i].raised ? "raising " : "handling ");
		strbuf_adds(out, model_str(m, e[i].type));
		if (e[i].text && !b->several)
			strbuf_addf(out, ": %s", model_str(m, e[i].text));
	}
	return count;
}

bool locals_add(struct strbuf *out, const struct model *m, const struct below *b, uint32_t i)
{
	uint32_t count = 0;
	const struct script_frame *f = b->thread ? model_script_frames(m, b->thread, &count) : NULL;
	const struct task_frame *g = b->task ? model_task_frames(m, b->task, &count) : NULL;
	const struct script_values *values;

	if (i >= count || (b->thread && !merged_is_still(m, b->thread)))
		return false;
	values = f ? &f[i].locals : &g[i].locals;
	if (values->count)
		strbuf_addf(out, "%s: ", f ? function_of(m, &f[i]) : model_str(m, g[i].function));
	for (uint32_t k = 0; k < values->count; k++) {
		const struct script_local *l = &m->locals.at[values->first + k];

		strbuf_addf(out, "%s%s%s", k ? ", " : "", model_str(m, l->name),
			    l->type ? " = " : " ");
		strbuf_adds(out, model_str(m, l->value ? l->value : l->type));
	}
	return values->count;
}
