/* SPDX-License-Identifier: BSD-2-Clause */
#include "viewer/view/merged.h"
#include "viewer/view/task_tree.h"

#include "model/frames.h"

#include <criterion/criterion.h>
#include <string.h>

/* A thread with a native stack and Python calls; "loop" is CPython's evaluation loop. */
static struct model *model_with(const char *const *natives, const char *const *scripts)
{
	struct model *m = model_new();
	uint32_t actor = model_add_actor(m, 7, 1), thread = model_add_thread(m, actor, 7);

	model_thread(m, thread)->stack_current = true;
	for (; *natives; natives++) {
		bool loop = strcmp(*natives, "loop") == 0, inner = **natives == 'P' || loop;
		const char *name = loop ? "_PyEval_EvalFrameDefault" : *natives;
		uint32_t code = model_add_code(
			m, (struct code){
				   .symbol = strtab_add(m->strings, name),
				   .module = strtab_add(m->strings, inner ? "/libpython" : "/lib"),
			   });

		model_add_frame(m, thread, (struct frame){ .pc = 1, .code = code });
	}
	for (; *scripts; scripts++) {
		bool entry = (*scripts)[0] == '!';

		model_add_script_frame(m, thread,
				       (struct script_frame){
					       .function = strtab_add(m->strings, *scripts + entry),
					       .file = strtab_add(m->strings, "/a/b.py"),
					       .line = 3,
					       .entry = entry,
				       });
	}
	return m;
}

static void expect(struct model *m, bool whole, const char *want)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
	_cleanup_merged_ struct merged x = { .scripts = false };

	merged_read(&x, m, 1, whole);
	for (uint32_t i = 0; i < x.calls.count; i++) {
		const struct merged_call *c = &x.calls.at[i];

		strbuf_addf(&b, "%s%s", i ? " " : "",
			    model_str(m, c->script ? c->script->function :
						     model_code(m, c->native->code)->symbol));
	}
	cr_expect_str_eq(strbuf_str(&b), want);
}

static const char *const stack[] = { "read", "Pread", "loop",  "Pcall", "sort",
				     "Pcmp", "loop",  "Pmain", "main",	NULL };
static const char *const none_[] = { NULL };
static const char *const calls[] = { "c", "!b", "key", "!a", NULL };

Test(merged, in_call_order)
{
	_cleanup_model_ struct model *m = model_with(stack, calls);

	expect(m, false, "read c b sort key a");
	expect(m, true,
	       "read Pread c b _PyEval_EvalFrameDefault Pcall sort Pcmp key a "
	       "_PyEval_EvalFrameDefault Pmain main");
}

Test(merged, what_does_not_fit)
{
	const char *const more[] = { "c", "!b", "!key", "!a", NULL };
	_cleanup_model_ struct model *m = model_with(stack, more);

	expect(m, false, "read c b key a");
	expect(m, true, "read Pread c b key a");
}

Test(merged, one_of_the_two)
{
	const char *const none[] = { NULL }, *const plain[] = { "read", "main", NULL };
	_cleanup_model_ struct model *natives = model_with(plain, none);
	_cleanup_model_ struct model *scripts = model_with(none, calls);
	_cleanup_model_ struct model *loops = model_with(stack, none);

	expect(natives, false, "read main");
	expect(scripts, false, "c b key a");
	/* nobody looked what runs there */
	expect(loops, false,
	       "read Pread _PyEval_EvalFrameDefault Pcall sort Pcmp _PyEval_EvalFrameDefault Pmain "
	       "main");
}

Test(merged, a_thread_that_ran)
{
	_cleanup_model_ struct model *m = model_with(stack, calls);
	uint32_t wait;

	model_thread(m, 1)->moved = true;
	model_thread(m, 1)->stack_current = false;
	expect(m, false, "");
	/* one that wants the GIL wakes all the time, but gets nowhere */
	wait = model_add_wait(m, 1, 0);
	model_wait(m, wait)->kind = WAIT_GIL;
	model_thread(m, 1)->wait = wait;
	expect(m, false, "c b key a");
}

Test(merged, source)
{
	_cleanup_model_ struct model *m = model_with(stack, calls);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT, c = STRBUF_INIT, d = STRBUF_INIT;
	struct source_of of = script_source(m, 1);

	cr_expect_not(source_add(&b, m, &of), "nobody asked");
	m->script_frames.at[0].source.text = strtab_add(m->strings, "lib()");
	m->script_frames.at[2].source.text = strtab_add(m->strings, "own(1)");
	m->script_frames.at[3].source.why = strtab_add(m->strings, "no file");
	of = script_source(m, 1);
	cr_expect(source_add(&c, m, &of));
	cr_expect_str_eq(strbuf_str(&c), "/a/b.py:3: own(1)");
	/* why it is not told is better than nothing */
	m->script_frames.at[0].source.text = m->script_frames.at[2].source.text = 0;
	of = script_source(m, 1);
	cr_expect(source_add(&d, m, &of));
	cr_expect_str_eq(strbuf_str(&d), "/a/b.py:3: no file");
	model_thread(m, 1)->moved = true;
	of = script_source(m, 1);
	cr_expect_not(source_add(&d, m, &of), "it is elsewhere now");
}

Test(merged, exceptions_and_variables)
{
	_cleanup_model_ struct model *m = model_with(none_, none_);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT, c = STRBUF_INIT, d = STRBUF_INIT;
	struct script_frame f = { .function = strtab_add(m->strings, "f") };
	const struct below of = { .thread = 1 }, several = { .thread = 1, .several = true };

	cr_expect_not(exceptions_add(&b, m, &of));
	model_add_exception(m, 1, 0,
			    (struct script_exception){ .type = strtab_add(m->strings, "OSError"),
						       .text = strtab_add(m->strings, "gone"),
						       .raised = true });
	model_add_exception(
		m, 1, 0, (struct script_exception){ .type = strtab_add(m->strings, "KeyError") });
	cr_expect(exceptions_add(&b, m, &of));
	cr_expect_str_eq(strbuf_str(&b), "raising OSError: gone; handling KeyError");
	cr_expect(exceptions_add(&c, m, &several));
	cr_expect_str_eq(strbuf_str(&c), "raising OSError; handling KeyError");
	model_add_local(m, &f.locals,
			(struct script_local){ .name = strtab_add(m->strings, "a"),
					       .type = strtab_add(m->strings, "int"),
					       .value = strtab_add(m->strings, "1") });
	model_add_local(m, &f.locals,
			(struct script_local){ .name = strtab_add(m->strings, "..."),
					       .value = strtab_add(m->strings, "3 more") });
	model_add_script_frame(m, 1, f);
	cr_expect(locals_add(&d, m, &of, 0));
	cr_expect_str_eq(strbuf_str(&d), "f: a = 1, ... 3 more");
	cr_expect_not(locals_add(&d, m, &of, 1));
}
