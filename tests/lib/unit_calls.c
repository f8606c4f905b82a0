/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_calls.h"

#include "model/frames.h"
#include "model/tasks.h"
#include "read/stack.h"
#include "unwind/frame.h"

#include <criterion/criterion.h>
#include <stdlib.h>

uint32_t calls_str(struct model *m, const char *text)
{
	return strtab_add(m->strings, text);
}

void calls_add(struct model *m, uint32_t thread, const char *name)
{
	struct code c = { .address = 0x1000 + m->codes.count * 16, .offset = 3, .function = true };

	c.symbol = calls_str(m, name);
	c.module = calls_str(m, "/usr/bin/crew");
	cr_assert(model_add_frame(
		m, thread,
		(struct frame){ .pc = c.address, .code = model_add_code(m, c), .how = FRAME_CFI }));
}

void calls_stack(struct model *m, uint32_t thread, const char *calls)
{
	_cleanup_free_ char *copy = xstrdup(calls);
	struct thread *t;

	for (char *last; (last = strrchr(copy, '>')); *last = '\0')
		calls_add(m, thread, last + 1);
	calls_add(m, thread, copy);
	t = model_thread(m, thread);
	t->stack = STACK_STABLE;
	t->stack_current = true;
	t->stack_end = calls_str(m, unwind_end_name(UNWIND_OUTERMOST));
}

void calls_wait(struct model *m, uint32_t thread, enum wait_type kind, const char *text)
{
	uint32_t wait = tree_wait(m, thread, kind, text);

	model_wait(m, wait)->since_ms = 1500 + thread * 1000;
}

struct model *calls_crew(void)
{
	struct model *m = model_new();
	uint32_t captain = tree_actor(m, 100, "crew", 0);

	calls_stack(m, 1, "_start>main>wait4");
	calls_wait(m, 1, WAIT_CHILD_EXIT, "waiting for any of 13 children to exit");
	for (int i = 1; i <= 13; i++) {
		uint32_t thread = tree_main(m, tree_actor(m, 100 + i, "crew", captain));
		bool odd = i == 7;

		model_thread(m, thread)->name = calls_str(m, odd ? "logger" : "crew");
		calls_stack(m, thread,
			    odd ? "_start>main>run>flush_log>write" :
				  "_start>main>run>next_job>read");
		calls_wait(m, thread, odd ? WAIT_PIPE_WRITE : WAIT_PIPE_READ,
			   odd ? "writing to a full pipe:[8]" : "reading from pipe:[7]");
	}
	m->reader = calls_str(m, "bpf");
	m->took_ms = 12;
	m->verdict.since_ms = 3000;
	m->verdict.culprit.actor = 8;
	m->verdict.culprit.tid = 107;
	model_index(m);
	return m;
}

char *calls_path(const struct calltree *t, uint32_t group)
{
	uint32_t node = t->groups.at[group].node;
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT;

	for (; node; node = t->nodes.at[node].parent) {
		_cleanup_strbuf_ struct strbuf call = STRBUF_INIT;

		call_add(&call, t->path, calltree_call(t, node));
		if (path.len)
			strbuf_addf(&call, ">%s", path.s);
		strbuf_release(&path);
		path.s = strbuf_steal(&call);
		path.len = strlen(path.s);
	}
	return strbuf_steal(&path);
}

void calls_group_is(const struct calltree *t, uint32_t group, uint32_t size, const char *path)
{
	cr_assert_lt(group, t->groups.count, "no group %u: %s", group, path);
	_cleanup_free_ char *got = calls_path(t, group);

	cr_expect_str_eq(got, path, "group %u is %s, not %s", group, got, path);
	cr_expect_eq(t->groups.at[group].size, size, "%s: %u", path, t->groups.at[group].size);
}

void calls_lost(struct model *m, uint32_t thread, uint8_t status, const char *why)
{
	model_thread(m, thread)->stack = status;
	model_thread(m, thread)->stack_why = calls_str(m, why);
}

uint32_t calls_task(struct model *m, uint32_t actor, const char *name, const char *calls)
{
	uint32_t task = model_add_task(m, actor, 0x1000 + m->tasks.count);
	_cleanup_free_ char *copy = xstrdup(calls);
	char *last = NULL;

	model_task(m, task)->runtime = calls_str(m, "trio");
	model_task(m, task)->name = calls_str(m, name);
	model_task(m, task)->state = TASK_WAITING;
	for (bool more = *calls; more; more = last != NULL) {
		struct task_frame f = { .line = 10 + task };

		last = strrchr(copy, '>');
		f.function = calls_str(m, last ? last + 1 : copy);
		f.file = calls_str(m, "/src/app.py");
		cr_assert(model_add_task_frame(m, task, f));
		if (last)
			*last = '\0';
	}
	return task;
}

void calls_native(struct model *m, uint32_t thread, const char *name, const char *module)
{
	struct code c = { .address = 0x1000 + m->codes.count, .function = true };

	c.symbol = calls_str(m, name);
	c.module = calls_str(m, module);
	c.offset = 1;
	model_add_frame(m, thread, (struct frame){ .code = model_add_code(m, c) });
}

void calls_script(struct model *m, uint32_t thread, uint32_t line)
{
	static const char *const functions[] = { "receive", "serve", "<module>" };
	struct thread *t = model_thread(m, thread);

	calls_native(m, thread, "read", "/lib/libc.so.6");
	calls_native(m, thread, "os_read", "/usr/bin/python3");
	calls_native(m, thread, "_PyEval_EvalFrameDefault", "/usr/bin/python3");
	calls_native(m, thread, "main", "/usr/bin/python3");
	t->stack = STACK_STABLE;
	t->stack_current = true;
	t->stack_end = calls_str(m, unwind_end_name(UNWIND_OUTERMOST));
	t->script.runtime = calls_str(m, "python");
	for (uint32_t i = 0; i < 3; i++) {
		struct script_frame f = { .line = i ? i : line, .entry = i == 2 };

		f.function = calls_str(m, functions[i]);
		f.qualified = i ? 0 : calls_str(m, "Channel.receive");
		f.file = calls_str(m, "/src/app.py");
		model_add_script_frame(m, thread, f);
	}
}
