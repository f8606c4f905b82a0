/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks of the JSON document: where threads and tasks are, and what their calls work on.
 */
#include "json_parts.h"

#include "model/frames.h"
#include "model/tasks.h"
#include "read/stack.h"
#include "unwind/frame.h"

#include <stdio.h>

void json_put_string(struct document *d, const char *key, uint32_t id)
{
	jsonw_string(&d->w, key, id ? model_str(d->m, id) : NULL);
}

void json_put_strings(struct document *d, const char *key, const uint32_t *ids, uint32_t count)
{
	jsonw_open(&d->w, key, '[');
	for (uint32_t i = 0; i < count; i++)
		jsonw_string(&d->w, NULL, model_str(d->m, ids[i]));
	jsonw_close(&d->w, ']');
}

/* ---- what an interpreter tells besides the place --------------------------------------------- */

/* The line of source that a call is at, or why it is not told. */
static void put_source(struct document *d, const struct script_source *source)
{
	json_put_string(d, "source", source->text);
	json_put_string(d, "source_why", source->why);
}

static void put_locals(struct document *d, const struct script_values *values)
{
	jsonw_open(&d->w, "locals", '[');
	for (uint32_t i = 0; i < values->count; i++) {
		const struct script_local *l = &d->m->locals.at[values->first + i];

		jsonw_open(&d->w, NULL, '{');
		jsonw_string(&d->w, "name", model_str(d->m, l->name));
		json_put_string(d, "type", l->type);
		json_put_string(d, "value", l->value);
		jsonw_close(&d->w, '}');
	}
	jsonw_close(&d->w, ']');
}

/* Of a thread or a task. */
static void put_exceptions(struct document *d, uint32_t thread, uint32_t task)
{
	uint32_t count;
	const struct script_exception *list = model_exceptions(d->m, thread, task, &count);

	jsonw_open(&d->w, "exceptions", '[');
	for (uint32_t i = 0; i < count; i++) {
		jsonw_open(&d->w, NULL, '{');
		jsonw_string(&d->w, "type", model_str(d->m, list[i].type));
		json_put_string(d, "text", list[i].text);
		jsonw_bool(&d->w, "raised", list[i].raised);
		jsonw_close(&d->w, '}');
	}
	jsonw_close(&d->w, ']');
}

/* ---- threads --------------------------------------------------------------------------------- */

/* What is inlined at a place in the code comes as frames of its own, innermost first. */
static void put_frame(struct document *d, const struct frame *f, const struct inlined *inlined)
{
	const struct code *c = model_code(d->m, f->code);
	char pc[24];

	snprintf(pc, sizeof(pc), "0x%llx", (unsigned long long)f->pc);
	jsonw_open(&d->w, NULL, '{');
	jsonw_string(&d->w, "pc", pc);
	json_put_string(d, "symbol", inlined ? inlined->symbol : c->symbol);
	jsonw_uint(&d->w, "offset", c->offset);
	json_put_string(d, "module", c->module);
	json_put_string(d, "file", inlined ? inlined->file : c->file);
	jsonw_uint(&d->w, "line", inlined ? inlined->line : c->line);
	jsonw_bool(&d->w, "inlined", inlined != NULL);
	jsonw_bool(&d->w, "signal", f->signal);
	jsonw_string(&d->w, "how", frame_how_name(f->how));
	jsonw_uint(&d->w, "address", c->address);
	if (!inlined && code_start(c))
		jsonw_uint(&d->w, "function_start", code_start(c));
	else
		jsonw_null(&d->w, "function_start");
	json_put_string(d, "missing", c->symbol ? 0 : c->missing);
	jsonw_close(&d->w, '}');
}

/* What an interpreter runs there. */
static void put_script(struct document *d, uint32_t thread)
{
	const struct thread_script *s = &model_thread(d->m, thread)->script;
	uint32_t count;
	const struct script_frame *frames = model_script_frames(d->m, thread, &count);

	jsonw_open(&d->w, "python", '[');
	for (uint32_t i = 0; i < count; i++) {
		const char *function = model_str(d->m, frames[i].function);

		jsonw_open(&d->w, NULL, '{');
		jsonw_string(&d->w, "function", *function ? function : "?");
		json_put_string(d, "file", frames[i].file);
		jsonw_uint(&d->w, "line", frames[i].line);
		json_put_string(d, "qualified", frames[i].qualified);
		jsonw_bool(&d->w, "entry", frames[i].entry);
		jsonw_string(&d->w, "kind", script_kind_name(frames[i].kind));
		put_source(d, &frames[i].source);
		put_locals(d, &frames[i].locals);
		jsonw_close(&d->w, '}');
	}
	jsonw_close(&d->w, ']');
	jsonw_open(&d->w, "interpreter", '{');
	json_put_string(d, "runtime", s->runtime);
	json_put_string(d, "name", s->title);
	json_put_string(d, "note", s->note);
	json_put_string(d, "work", s->work);
	json_put_string(d, "why", s->why);
	jsonw_string(&d->w, "gil", script_gil_name(s->gil));
	put_exceptions(d, thread, 0);
	jsonw_close(&d->w, '}');
}

void json_put_stack(struct document *d, uint32_t thread)
{
	const struct thread *t = model_thread(d->m, thread);
	uint32_t count;
	const struct frame *frames = model_frames(d->m, thread, &count);

	jsonw_open(&d->w, "native", '[');
	for (uint32_t i = 0; i < count; i++) {
		const struct code *c = model_code(d->m, frames[i].code);

		for (uint32_t k = 0; k < c->inlined_count; k++)
			put_frame(d, &frames[i], &d->m->inlined.at[c->first_inlined + k]);
		put_frame(d, &frames[i], NULL);
	}
	jsonw_close(&d->w, ']');
	put_script(d, thread);
	json_put_strings(d, "kernel",
			 t->kernel_count ? &d->m->kernel_frames.at[t->first_kernel] : NULL,
			 t->kernel_count);
	jsonw_open(&d->w, "stack", '{');
	jsonw_string(&d->w, "status", stack_status_name(t->stack));
	jsonw_bool(&d->w, "current", t->stack_current);
	json_put_string(d, "end", t->stack_end);
	json_put_string(d, "why", t->stack_why);
	jsonw_close(&d->w, '}');
}

/* ---- tasks ----------------------------------------------------------------------------------- */

/* The function of a native frame may have no name. */
static void put_task_frame(struct document *d, const struct task_frame *f)
{
	const struct code *c = f->code ? model_code(d->m, f->code) : NULL;
	char place[32] = "?";

	if (c && !c->symbol)
		snprintf(place, sizeof(place), "0x%llx", (unsigned long long)c->address);
	jsonw_open(&d->w, NULL, '{');
	jsonw_string(&d->w, "function",
		     f->function    ? model_str(d->m, f->function) :
		     c && c->symbol ? model_str(d->m, c->symbol) :
				      place);
	json_put_string(d, "file", c ? c->file : f->file);
	jsonw_uint(&d->w, "line", c ? c->line : f->line);
	json_put_string(d, "module", c ? c->module : 0);
	jsonw_string(&d->w, "kind", script_kind_name(f->kind));
	put_source(d, &f->source);
	put_locals(d, &f->locals);
	jsonw_close(&d->w, '}');
}

void json_put_task_stack(struct document *d, uint32_t task)
{
	uint32_t count;
	const struct task_frame *frames = model_task_frames(d->m, task, &count);

	jsonw_open(&d->w, "stack", '[');
	for (uint32_t i = 0; i < count; i++)
		put_task_frame(d, &frames[i]);
	jsonw_close(&d->w, ']');
	json_put_string(d, "stack_why", model_task(d->m, task)->stack_why);
	put_exceptions(d, 0, task);
}
