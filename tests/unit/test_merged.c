/* SPDX-License-Identifier: BSD-2-Clause */
#include "viewer/view/merged.h"

#include "model/frames.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
	char path[] = "/tmp/snag-source.XXXXXX";
	int fd = mkstemp(path);
	_cleanup_model_ struct model *m = model_with(stack, calls);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT, want = STRBUF_INIT;
	struct stat st;

	cr_assert_eq(dprintf(fd, "one\ntwo\n\t three(1)\t\nfour"), 24);
	close(fd);
	cr_assert_eq(stat("/proc/self/ns/mnt", &st), 0);
	m->script_frames.at[0].file = strtab_add(m->strings, path);
	cr_expect_not(script_source_add(&b, m, 1), "an unknown mount namespace");
	model_actor(m, 1)->mnt_ns = st.st_ino;
	cr_expect(script_source_add(&b, m, 1));
	strbuf_addf(&want, "%s:3: three(1)", path);
	cr_expect_str_eq(strbuf_str(&b), strbuf_str(&want));
	m->script_frames.at[0].line = 5;
	cr_expect_not(script_source_add(&b, m, 1));
	m->script_frames.at[0].line = 3;
	m->from_capture = true;
	cr_expect_not(script_source_add(&b, m, 1), "another day's file");
	m->from_capture = false;
	unlink(path);
	cr_expect_not(script_source_add(&b, m, 1));
}
