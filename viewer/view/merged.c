/* SPDX-License-Identifier: BSD-2-Clause */
#include "merged.h"

#include "model/frames.h"
#include "page.h"
#include "unwind/elf/bytes.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

enum { SOURCE_MAX = 1 << 22, LINE_MAX_BYTES = 200 };

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

/* Do we see the same files as the thread's process? Our own namespaces are those of /proc/self. */
static bool same_files(const struct model *m, uint32_t thread)
{
	const struct actor *a = model_actor(m, model_thread(m, thread)->actor);
	struct stat st;

	return !m->from_capture && a->mnt_ns && stat("/proc/self/ns/mnt", &st) == 0 &&
	       st.st_ino == a->mnt_ns;
}

/* The text of line `number` of the bytes, without what is white around it. */
static bool add_line(struct strbuf *out, struct bytes *b, uint32_t number)
{
	uint64_t size = bytes_size(b), got = 0;
	const char *at, *end, *line_end;

	at = size <= SOURCE_MAX ? (const char *)bytes_upto(b, 0, size, &got) : NULL;
	if (!at)
		return false;
	end = at + got;
	for (uint32_t i = 1; at && i < number; i++) {
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	if (!at)
		return false;
	line_end = memchr(at, '\n', (size_t)(end - at));
	line_end = line_end ? line_end : end;
	while (at < line_end && isspace((unsigned char)*at))
		at++;
	while (at < line_end && isspace((unsigned char)line_end[-1]))
		line_end--;
	strbuf_addn(out, at,
		    (size_t)(line_end - at < LINE_MAX_BYTES ? line_end - at : LINE_MAX_BYTES));
	return at < line_end;
}

bool script_source_add(struct strbuf *out, const struct model *m, uint32_t thread)
{
	uint32_t count;
	const struct script_frame *f = model_script_frames(m, thread, &count);
	const char *path;
	_cleanup_strbuf_ struct strbuf line = STRBUF_INIT;

	if (!count || !f->line || !merged_is_still(m, thread) || !same_files(m, thread))
		return false;
	path = model_str(m, f->file);
	_cleanup_bytes_ struct bytes *b = path[0] == '/' ? bytes_open(path) : NULL;
	if (!b || !add_line(&line, b, f->line))
		return false;
	strbuf_addf(out, "%s:%u: %s", path, f->line, strbuf_str(&line));
	return true;
}
