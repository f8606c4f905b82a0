/* SPDX-License-Identifier: BSD-2-Clause */
#include "callpath.h"

#include "merged.h"
#include "model/frames.h"
#include "model/tasks.h"
#include "page.h"
#include "read/stack.h"
#include "unwind/frame.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct callpath *callpath_new(const struct model *m, bool whole)
{
	struct callpath *p = xcalloc(1, sizeof(*p));

	p->m = m;
	p->whole = whole;
	p->names = strtab_new();
	return p;
}

void callpath_free(struct callpath *p)
{
	if (!p)
		return;
	strtab_free(p->names);
	vec_release(&p->calls);
	map_release(&p->by_hash);
	map_release(&p->by_code);
	free(p);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 29;
}

static bool same_call(const struct call *a, const struct call *b)
{
	return a->kind == b->kind && a->name == b->name && a->module == b->module &&
	       a->start == b->start && a->function == b->function;
}

/* The element of a call, added when it is new. */
static uint32_t intern(struct callpath *p, const struct call *c)
{
	uint64_t key = mix(mix(mix(c->kind, c->name), c->module), c->start);
	uint32_t id;

	for (; map_find(&p->by_hash, key, &id); key++)
		if (same_call(&p->calls.at[id], c))
			return id;
	id = p->calls.count;
	*vec_push(&p->calls) = *c;
	map_put(&p->by_hash, key, id);
	return id;
}

static uint32_t name_of(struct callpath *p, uint32_t string)
{
	return string ? strtab_add(p->names, model_str(p->m, string)) : 0;
}

static uint32_t call_of_code(struct callpath *p, uint32_t id)
{
	const struct code *code = model_code(p->m, id);
	struct call c = { .kind = CALL_NATIVE, .module = code->module, .file = code->file };
	uint32_t known;

	if (map_find(&p->by_code, id, &known))
		return known;
	c.name = name_of(p, code->symbol);
	c.function = c.name || code_start(code);
	if (!c.name)
		c.start = c.function ? code_start(code) : code->address;
	known = intern(p, &c);
	map_put(&p->by_code, id, known);
	return known;
}

/* "futex_wait_queue+0x60/0x90": where in the function does not matter. */
static uint32_t call_of_kernel(struct callpath *p, uint32_t string)
{
	const char *text = model_str(p->m, string);
	struct call c = { .kind = CALL_KERNEL, .function = true };

	c.name = strtab_addn(p->names, text, strcspn(text, "+ "));
	return intern(p, &c);
}

static uint32_t call_of_words(struct callpath *p, enum call_kind kind, const char *words)
{
	struct call c = { .kind = (uint8_t)kind };

	c.name = strtab_add(p->names, words);
	return intern(p, &c);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void begin(struct callpath *p)
{
	p->depth = 0;
	p->cut = p->lost = false;
}

/* False: what is further outside is not kept. */
static bool add_step(struct callpath *p, uint32_t call, uint32_t line, bool guessed)
{
	p->cut = p->cut || p->depth >= PATH_DEPTH || p->walked >= PATH_CALLS_MAX;
	if (p->cut)
		return false;
	p->steps[p->depth++] = (struct call_step){ call, line, guessed };
	p->walked++;
	return true;
}

static void add_note(struct callpath *p, const char *words)
{
	add_step(p, call_of_words(p, CALL_NOTE, words), 0, false);
}

/* Outside of all calls; there is always room for it. */
static void add_outermost(struct callpath *p, enum call_kind kind, const char *words)
{
	p->steps[p->depth++] = (struct call_step){ .call = call_of_words(p, kind, words) };
}

static void add_cut(struct callpath *p, const char *why)
{
	if (p->cut)
		why = "more calls than are kept";
	add_outermost(p, CALL_CUT, *why ? why : "not known why");
}

/* A place in the code: what is inlined there, then the function itself. */
static bool add_code(struct callpath *p, uint32_t id, bool guessed)
{
	const struct code *code = model_code(p->m, id);

	for (uint32_t i = 0; i < code->inlined_count; i++) {
		const struct inlined *in = &p->m->inlined.at[code->first_inlined + i];
		struct call c = { .kind = CALL_NATIVE, .function = true };

		c.name = in->symbol ? name_of(p, in->symbol) : strtab_add(p->names, "?");
		c.module = code->module;
		c.file = in->file;
		if (!add_step(p, intern(p, &c), in->line, guessed))
			return false;
	}
	return add_step(p, call_of_code(p, id), code->line, guessed);
}

/* ---- threads --------------------------------------------------------------------------------- */

/* Did the walk come to where nobody called? */
static bool is_whole(const char *end)
{
	static const uint8_t ends[] = { UNWIND_OUTERMOST, UNWIND_ZERO };

	for (size_t i = 0; i < sizeof(ends); i++) {
		const char *name = unwind_end_name(ends[i]);

		if (strncmp(end, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

static const char *status_words(const struct model *m, const struct thread *t)
{
	if (t->stack_why)
		return model_str(m, t->stack_why);
	return t->stack == STACK_UNKNOWN ? "no stack was taken" : stack_status_name(t->stack);
}

static bool add_native(struct callpath *p, const struct frame *f)
{
	return add_code(p, f->code, f->how == FRAME_GUESS || f->how == FRAME_POINTER);
}

static bool add_script(struct callpath *p, const struct script_frame *f)
{
	struct call c = { .kind = CALL_SCRIPT, .function = true };
	const uint32_t name = f->qualified ? f->qualified : f->function;

	c.name = name ? name_of(p, name) : strtab_add(p->names, "?");
	c.module = c.file = f->file;
	return add_step(p, intern(p, &c), f->line, false);
}

/* What an interpreter ran there while it was looked at: what it is about, if not of one moment. */
static void add_running_scripts(struct callpath *p, uint32_t thread)
{
	uint32_t count;
	const struct script_frame *scripts = model_script_frames(p->m, thread, &count);

	if (!p->depth)
		add_note(p, "it ran while its calls were read");
	for (uint32_t i = 0; i < count; i++)
		if (!add_script(p, &scripts[i]))
			break;
}

/* What an interpreter runs there, with the native calls that this has made; false: nothing. */
static bool add_merged(struct callpath *p, uint32_t thread)
{
	_cleanup_merged_ struct merged x = { .scripts = false };
	bool more = true;

	if (!model_thread(p->m, thread)->script.frame_count)
		return false;
	if (!merged_is_still(p->m, thread)) {
		add_running_scripts(p, thread);
		return true;
	}
	merged_read(&x, p->m, thread, p->whole);
	for (uint32_t i = 0; more && i < x.calls.count; i++)
		more = x.calls.at[i].script ? add_script(p, x.calls.at[i].script) :
					      add_native(p, x.calls.at[i].native);
	return true;
}

static bool add_natives(struct callpath *p, uint32_t thread)
{
	uint32_t count;
	const struct frame *frames = model_frames(p->m, thread, &count);

	for (uint32_t i = 0; i < count; i++)
		if (!add_native(p, &frames[i]))
			break;
	return count;
}

void callpath_thread(struct callpath *p, uint32_t thread)
{
	const struct model *m = p->m;
	const struct thread *t = model_thread(m, thread);
	const char *end = model_str(m, t->stack_end);
	bool native = false, script;

	begin(p);
	if (t->stack != STACK_STABLE && (t->stack_why || !t->frame_count))
		add_note(p, status_words(m, t));
	for (uint32_t i = 0; i < t->kernel_count; i++)
		if (!add_step(p, call_of_kernel(p, m->kernel_frames.at[t->first_kernel + i]), 0,
			      false))
			break;
	script = add_merged(p, thread);
	if (!script)
		native = add_natives(p, thread);
	p->lost = !native && !script && !t->kernel_count;
	if (script && (!p->whole || !t->stack_current || !merged_is_still(m, thread)))
		end = t->script.why ? model_str(m, t->script.why) : NULL;
	if (p->cut || (end && (native || script) && !is_whole(end)))
		add_cut(p, end);
	if (!p->depth)
		add_note(p, status_words(m, t));
}

/* ---- tasks ----------------------------------------------------------------------------------- */

static bool add_task_frame(struct callpath *p, const struct task_frame *f)
{
	struct call c = { .kind = CALL_SCRIPT, .module = f->file, .file = f->file };

	if (f->code)
		return add_code(p, f->code, false);
	c.name = f->function ? name_of(p, f->function) : strtab_add(p->names, "?");
	c.function = true;
	return add_step(p, intern(p, &c), f->line, false);
}

static const char *why_no_calls(const struct model *m, const struct task *t)
{
	if (t->stack_why)
		return model_str(m, t->stack_why);
	if (t->state == TASK_NEW)
		return "it has not begun";
	return t->state == TASK_RUNNING ? "its calls are those of its thread" :
					  "no stack was taken";
}

void callpath_task(struct callpath *p, uint32_t task)
{
	const struct model *m = p->m;
	const struct task *t = model_task(m, task);
	_cleanup_strbuf_ struct strbuf words = STRBUF_INIT;
	uint32_t count;
	const struct task_frame *frames = model_task_frames(m, task, &count);

	begin(p);
	p->lost = !count;
	if (p->lost)
		add_note(p, why_no_calls(m, t));
	else if (t->hint)
		add_note(p, "its loop ran while it was read");
	for (uint32_t i = 0; i < count; i++)
		if (!add_task_frame(p, &frames[i]))
			break;
	if (p->cut || (count && t->stack_why))
		add_cut(p, model_str(m, t->stack_why));
	strbuf_addf(&words, "%s task", t->runtime ? model_str(m, t->runtime) : "unknown");
	add_outermost(p, CALL_TASK, strbuf_str(&words));
}

void call_add(struct strbuf *out, const struct callpath *p, const struct call *c)
{
	const char *name = strtab_get(p->names, c->name);

	if (c->kind == CALL_CUT)
		strbuf_addf(out, "(cut: %s)", name);
	else if (c->kind == CALL_NOTE || c->kind == CALL_TASK)
		strbuf_addf(out, "(%s)", name);
	else if (name)
		strbuf_adds(out, name);
	else if (c->module)
		strbuf_addf(out, "%s%c0x%" PRIx64, file_name(p->m, c->module),
			    c->function ? '!' : '+', c->start);
	else
		strbuf_addf(out, "0x%" PRIx64, c->start);
}
