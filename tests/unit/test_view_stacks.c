/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stacks merged into a tree, from plain models. The pages stand in tests/golden/; GOLDEN=write
 * renews them, and the difference is to be read before it is committed.
 */
#include "viewer/view/calltree.h"
#include "viewer/view/clean.h"
#include "viewer/view/page.h"

#include "model/frames.h"
#include "model/tasks.h"
#include "read/stack.h"
#include "unwind/frame.h"

#include "lib/unit_calls.h"
#include "lib/unit_page.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static const struct view_opts ascii_80 = { .width = 80 };
static const struct view_opts all_80 = { .width = 80, .verbose = true };

/* ---- pages ----------------------------------------------------------------------------------- */

static void page_is(const char *name, const struct view *view, const struct view_opts *opts)
{
	_cleanup_model_ struct model *m = calls_crew();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	page_render(view, m, opts, &out);
	if (!opts->color && view == &view_stacks)
		page_check_width(out.s, opts->width);
	page_is_golden(name, &out);
}

Test(view_stacks, pages_of_a_crew)
{
	page_is("stacks.txt", &view_stacks, &ascii_80);
	page_is("stacks_utf8.txt", &view_stacks, &(struct view_opts){ .width = 80, .utf8 = true });
	page_is("stacks_colour.txt", &view_stacks,
		&(struct view_opts){ .width = 100, .utf8 = true, .color = true });
	page_is("stacks_narrow.txt", &view_stacks, &(struct view_opts){ .width = 40 });
	page_is("stacks_all.txt", &view_stacks, &all_80);
	page_is("stacks_folded.txt", &view_folded, &ascii_80);
}

/* ---- the tree -------------------------------------------------------------------------------- */

Test(view_stacks, equal_stacks_are_one_and_the_odd_one_is_first)
{
	_cleanup_model_ struct model *m = calls_crew();
	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	cr_assert_eq(t->groups.count, 3);
	calls_group_is(t, 0, 1, "_start>main>run>flush_log>write");
	calls_group_is(t, 1, 1, "_start>main>wait4");
	calls_group_is(t, 2, 12, "_start>main>run>next_job>read");
	cr_expect(t->groups.at[0].culprit);
	cr_expect_eq(t->groups.at[0].parted, 4); /* it leaves the crowd below run, 3 calls deep */
	cr_expect_eq(t->groups.at[1].parted, 3);
	cr_expect_eq(t->groups.at[2].parted, 0);
	cr_expect_eq(t->groups.at[2].actors, 12);
	cr_expect_eq(t->threads, 14);
	cr_expect_eq(t->actors, 14);
	/* _start main run flush_log write next_job read wait4, and the root */
	cr_expect_eq(t->nodes.count, 9);
	cr_expect_eq(t->nodes.at[0].size, 14);
	cr_expect_eq(t->nodes.at[0].groups, 3);
}

Test(view_stacks, only_one_thread_when_asked)
{
	_cleanup_model_ struct model *m = calls_crew();
	_cleanup_calltree_ struct calltree *t = calltree_new(m, model_find_tid(m, 107), false);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct view_opts opts = all_80;

	cr_assert_eq(t->groups.count, 1);
	calls_group_is(t, 0, 1, "_start>main>run>flush_log>write");
	opts.thread = model_find_tid(m, 107);
	page_render(&view_stacks, m, &opts, &out);
	cr_expect_not_null(strstr(out.s, "1 thread of 1 actor, 1 different stack\n"), "%s", out.s);
	cr_expect_not_null(strstr(out.s, "flush_log"));
	cr_expect_null(strstr(out.s, "next_job"));
}

/* A stack that ends inside of another one: its own group at a node that has branches. */
Test(view_stacks, one_that_ends_where_others_go_on)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "pool", 0);

	calls_stack(m, 1, "a>b>c");
	for (int i = 1; i < 6; i++)
		calls_stack(m, tree_thread(m, actor, 7 + i), i == 3 ? "a>b" : "a>b>c");
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	calls_group_is(t, 0, 1, "a>b");
	calls_group_is(t, 1, 5, "a>b>c");
	cr_expect_eq(t->groups.at[0].parted, 3);
	page_render(&view_stacks, m, &all_80, &out);
	cr_expect_not_null(strstr(out.s, "[odd one out] pool[7] tid 10\n"), "%s", out.s);
	cr_expect_not_null(strstr(out.s, "5 threads of pool[7]: main thread, tid 8, 9, 11, 12\n"),
			   "%s", out.s);
}

/* Random stacks: each thread is in the group that has its calls, and nowhere else. */
Test(view_stacks, every_thread_is_where_its_calls_are)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	_cleanup_model_ struct model *m = model_new();
	char *stacks[400] = { NULL };
	uint32_t random = 12345, actor = 0, told = 0;

	for (uint32_t i = 0; i < 400; i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
		uint32_t thread;

		random = random * 1103515245 + 12345;
		for (uint32_t n = 0; n <= (random >> 16) % 7; n++)
			strbuf_addf(&b, "%s%s", n ? ">" : "", names[(random >> (2 * n)) & 3]);
		if (i % 5 == 0)
			actor = tree_actor(m, 1000 + (int)i, "p", actor);
		thread = i % 5 ? tree_thread(m, actor, 1000 + (int)i) : tree_main(m, actor);
		calls_stack(m, thread, b.s);
		stacks[thread - 1] = strbuf_steal(&b);
	}
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	for (uint32_t g = 0; g < t->groups.count; g++) {
		_cleanup_free_ char *path = calls_path(t, g);

		for (uint32_t i = 0; i < t->groups.at[g].size; i++, told++) {
			uint32_t thread = t->members.at[t->groups.at[g].first + i].thread;

			cr_assert_not_null(stacks[thread - 1], "told twice");
			cr_assert_str_eq(stacks[thread - 1], path);
			free(stacks[thread - 1]);
			stacks[thread - 1] = NULL;
		}
	}
	cr_assert_eq(told, 400);
}

/* ---- what is not known ----------------------------------------------------------------------- */

Test(view_stacks, what_is_not_known_says_why)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "pool", 0);

	calls_lost(m, 1, STACK_DENIED, "we may not look into it");
	tree_thread(m, actor, 8);
	calls_stack(m, tree_thread(m, actor, 9), "a>b");
	model_thread(m, 3)->stack_end = calls_str(m, "no CFI: code that no file holds");
	calls_stack(m, tree_thread(m, actor, 10), "a>b");
	calls_lost(m, 4, STACK_STALE, "it runs");
	calls_stack(m, tree_thread(m, actor, 11), "a>b");
	m->frames.at[model_thread(m, 5)->first_frame].how = FRAME_GUESS;
	tree_thread(m, actor, 12);
	model_thread(m, 6)->gone = true;
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	cr_assert_eq(t->groups.count, 5);
	calls_group_is(t, 0, 1, "(cut: no CFI: code that no file holds)>a>b");
	calls_group_is(t, 1, 1, "a>b>(it runs)");
	calls_group_is(t, 2, 1, "a>b");
	calls_group_is(t, 3, 1, "(we may not look into it)");
	calls_group_is(t, 4, 1, "(no stack was taken)");
	cr_expect(t->groups.at[3].lost);
	page_render(&view_stacks, m, &ascii_80, &out);
	cr_expect_not_null(strstr(out.s, "a > b?\n"), "%s", out.s);
}

Test(view_stacks, an_empty_model)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, folded = STRBUF_INIT;

	page_render(&view_stacks, m, &ascii_80, &out);
	cr_expect_not_null(strstr(out.s, "0 threads of 0 actors, 0 different stacks\n"), "%s",
			   out.s);
	page_render(&view_folded, m, &ascii_80, &folded);
	cr_expect_eq(folded.len, 0);
}

/* ---- names and places ------------------------------------------------------------------------ */

Test(view_stacks, nameless_functions_are_told_by_where_they_begin)
{
	_cleanup_model_ struct model *m = model_new();
	struct code c = { .function = true };
	uint32_t actor = tree_actor(m, 7, "bash", 0);

	c.module = calls_str(m, "/bin/bash");
	for (uint32_t i = 0; i < 3; i++) {
		uint32_t thread = i ? tree_thread(m, actor, 7 + (int)i) : 1;

		/* two places in one function, one in the next */
		c.offset = i ? 0x20 : 0x10;
		c.address = (i == 2 ? 0x2000 : 0x1000) + c.offset;
		model_add_frame(m, thread, (struct frame){ .code = model_add_code(m, c) });
		model_thread(m, thread)->stack = STACK_STABLE;
		model_thread(m, thread)->stack_end = calls_str(m, unwind_end_name(UNWIND_ZERO));
	}
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	cr_assert_eq(t->groups.count, 2);
	calls_group_is(t, 0, 1, "bash!0x2000");
	calls_group_is(t, 1, 2, "bash!0x1000");
}

Test(view_stacks, lines_and_inlined_functions)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "pool", 0);

	for (uint32_t i = 0; i < 6; i++) {
		uint32_t thread = i ? tree_thread(m, actor, 7 + (int)i) : 1;
		struct code c = { .address = 0x100 + i, .function = true };

		c.symbol = calls_str(m, "worker");
		c.module = calls_str(m, "/usr/bin/pool");
		c.file = calls_str(m, "/src/pool.c");
		c.line = 10 + i % 2;
		c.offset = i;
		model_add_frame(m, thread, (struct frame){ .code = model_add_code(m, c) });
		for (uint32_t k = 0; k < 2; k++) {
			struct inlined in = { .line = 40 + i };

			in.symbol = calls_str(m, k ? "take" : "lock");
			in.file = calls_str(m, k ? "/src/queue.c" : "/src/lock.h");
			model_add_inlined(m, in);
		}
		model_thread(m, thread)->stack = STACK_STABLE;
		model_thread(m, thread)->stack_end =
			calls_str(m, unwind_end_name(UNWIND_OUTERMOST));
	}
	model_index(m);
	page_render(&view_stacks, m, &(struct view_opts){ .width = 200 }, &out);
	cr_expect_not_null(
		strstr(out.s,
		       "6   worker (pool.c:10,11) > take (queue.c:40,41,42,..) > lock (lock.h:40,"),
		"%s", out.s);
}

Test(view_stacks, kernel_calls_are_further_inside)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	tree_actor(m, 7, "pool;1\n", 0);
	calls_stack(m, 1, "main>read;x 1");
	cr_assert(model_add_kernel_frame(m, 1, "pipe_read+0x12/0x300"));
	cr_assert(model_add_kernel_frame(m, 1, "do_syscall_64+0x3c"));
	model_index(m);
	page_render(&view_folded, m, &ascii_80, &out);
	cr_expect_str_eq(out.s, "pool:1\\x0a;main;read:x 1;do_syscall_64_[k];pipe_read_[k] 1\n");
}

Test(view_stacks, a_function_that_calls_itself_is_told_once)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, all = STRBUF_INIT;

	tree_actor(m, 7, "deep", 0);
	for (int i = 0; i < 5000; i++)
		calls_add(m, 1, i < 2 ? "read" : "fib");
	model_thread(m, 1)->stack = STACK_STABLE;
	model_thread(m, 1)->stack_end = calls_str(m, unwind_end_name(UNWIND_OUTERMOST));
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	cr_expect_eq(t->nodes.count, PATH_DEPTH + 2);
	page_render(&view_stacks, m, &ascii_80, &out);
	cr_expect_not_null(strstr(out.s, "(cut: more calls than are kept) > fib [2046 times] > "
					 "read [2 times]\n"),
			   "%s", out.s);
	page_render(&view_stacks, m, &all_80, &all);
	cr_expect_leq(page_count_lines(all.s), 8);
}

/* ---- hostile ones ---------------------------------------------------------------------------- */

Test(view_stacks, a_hundred_thousand_threads_fit_a_screen)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, folded = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "pool", 0), named[200], sum = 0;
	struct code c = { .function = true };

	for (uint32_t i = 0; i < 200; i++) {
		c.symbol = strtab_addf(m->strings, "f%u", i);
		c.address = i * 16;
		named[i] = model_add_code(m, c);
	}
	/* 20,000 different stacks of ten calls; the rest do the same */
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t thread = i ? tree_thread(m, actor, 7 + (int)i) : 1;
		uint32_t kind = i < 20000 ? i : 3;

		for (uint32_t k = 0; k < 10; k++) {
			const struct frame f = { .code = named[(kind >> (9 - k)) % 200] };

			cr_assert(model_add_frame(m, thread, f));
		}
		model_thread(m, thread)->stack = STACK_STABLE;
		model_thread(m, thread)->stack_end = 0;
	}
	model_index(m);
	page_render(&view_stacks, m, &ascii_80, &out);
	page_check_width(out.s, 80);
	cr_expect_leq(page_count_lines(out.s), 80, "%s", out.s);
	cr_expect_not_null(strstr(out.s, "100000 threads of 1 actor, "), "%s", out.s);
	page_render(&view_folded, m, &ascii_80, &folded);
	for (const char *line = folded.s; *line; line = strchr(line, '\n') + 1) {
		const char *end = strchr(line, '\n');
		const char *blank = memrchr(line, ' ', (size_t)(end - line));

		sum += (uint32_t)strtoul(blank + 1, NULL, 10);
	}
	cr_expect_eq(sum, 100000);
}

/* What a capture may claim: every place has a million inlined functions. */
Test(view_stacks, inlined_functions_without_end)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "pool", 0), code;

	code = model_add_code(m, (struct code){ .symbol = calls_str(m, "f"), .function = true });
	for (uint32_t i = 0; i < 1000000; i++)
		model_add_inlined(m, (struct inlined){ .symbol = i & 1 ? 0 : calls_str(m, "g") });
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t thread = i ? tree_thread(m, actor, 7 + (int)i) : 1;

		model_add_frame(m, thread, (struct frame){ .code = code });
		model_thread(m, thread)->stack = STACK_STABLE;
	}
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	cr_expect_lt(t->nodes.count, 3 * PATH_DEPTH);
	cr_expect_eq(t->threads, 20000);
	page_render(&view_stacks, m, &ascii_80, &out);
	cr_expect_not_null(strstr(out.s, "(cut: more calls than are kept)"));
	page_check_width(out.s, 80);
}

/* Every stack parts from the others one call further inside. */
Test(view_stacks, branches_without_end_keep_to_the_page)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, all = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "pool", 0);

	for (uint32_t i = 0; i < 300; i++) {
		_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

		for (uint32_t k = 0; k < i; k++)
			strbuf_adds(&b, k & 1 ? "a>" : "b>");
		strbuf_addf(&b, "end%u", i);
		calls_stack(m, i ? tree_thread(m, actor, 7 + (int)i) : 1, b.s);
	}
	model_index(m);
	page_render(&view_stacks, m, &ascii_80, &out);
	page_check_width(out.s, 80);
	cr_expect_leq(page_count_lines(out.s), 80, "%s", out.s);
	cr_expect_not_null(strstr(out.s, "more stacks (--all shows them)"), "%s", out.s);
	page_render(&view_stacks, m, &all_80, &all);
	page_check_width(all.s, 80);
	for (uint32_t i = 0; i < 300; i++) {
		_cleanup_free_ char *end = xasprintf(" end%u  crew\n", i);

		cr_expect_not_null(strstr(all.s, end), "%s", end);
	}
}

/* Does any byte of the page command the terminal, or hide or reorder what it shows? */
static void harmless(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		cr_assert(*p >= 0x20 || *p == '\n', "\\x%02x in: %s", *p, text);
		cr_assert_neq(*p, 0x7f);
		cr_assert(!(p[0] == 0xc2 && p[1] < 0xa0), "C1 control in: %s", text);
		cr_assert(!(p[0] == 0xe2 && p[1] == 0x80 && p[2] == 0xae), "override in: %s", text);
	}
}

/* Names of processes, threads, functions, files and reasons are foreign. */
static struct model *poisoned(const char *text)
{
	struct model *m = model_new();
	uint32_t actor = tree_actor(m, 7, text, 0);
	struct code c = { .address = 5, .offset = 3, .line = 2, .function = true };

	calls_stack(m, 1, text);
	tree_wait(m, 1, WAIT_PIPE_READ, text);
	calls_stack(m, tree_thread(m, actor, 8), text);
	model_thread(m, 2)->name = calls_str(m, text);
	model_thread(m, 2)->stack_end = calls_str(m, text);
	calls_lost(m, tree_thread(m, actor, 9), STACK_DENIED, text);
	tree_thread(m, actor, 10);
	c.module = c.file = calls_str(m, text);
	model_add_frame(m, 4, (struct frame){ .code = model_add_code(m, c) });
	model_add_inlined(m, (struct inlined){ .symbol = c.file, .file = c.file, .line = 1 });
	model_add_kernel_frame(m, 4, text);
	model_index(m);
	return m;
}

Test(view_stacks, no_name_commands_the_terminal)
{
	static const char *const hostile[] = {
		"\033]0;title\007",
		"\033[2J\033[H",
		"a\rb\nc\td",
		"\xc2\x9b"
		"31m",
		"\xe2\x80\xae"
		"txt.exe",
		"\xff\xfe\x80",
		"\x7f",
		"%s%n",
		";;; 12",
		"/",
		"+",
	};

	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		_cleanup_model_ struct model *m = poisoned(hostile[i]);

		for (int mode = 0; mode < 8; mode++) {
			struct view_opts opts = { .width = 70, .utf8 = mode & 1 };
			const struct view *view = mode & 2 ? &view_folded : &view_stacks;
			_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

			opts.verbose = mode & 4;
			page_render(view, m, &opts, &out);
			harmless(out.s);
			if (view == &view_stacks)
				page_check_width(out.s, opts.width);
			else
				cr_assert_eq(page_count_lines(out.s), 4, "%s", out.s);
		}
	}
}

/* ---- what is folded, and who is told --------------------------------------------------------- */

/* One thread under `depth` different calls, and `others` whose stacks are all their own. */
static struct model *long_row(uint32_t depth, uint32_t others)
{
	struct model *m = model_new();
	uint32_t actor = tree_actor(m, 7, "pool", 0);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	for (uint32_t i = 0; i < depth; i++)
		strbuf_addf(&b, "%sf%u", i ? ">" : "", i);
	calls_stack(m, 1, b.s);
	for (uint32_t i = 0; i < others; i++) {
		_cleanup_free_ char *own = xasprintf("g%u", i);

		calls_stack(m, tree_thread(m, actor, 8 + (int)i), own);
	}
	model_index(m);
	return m;
}

static void row_says(uint32_t depth, uint32_t others, const char *words)
{
	_cleanup_model_ struct model *m = long_row(depth, others);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const struct view_opts wide = { .width = 1000 };

	page_render(&view_stacks, m, &wide, &out);
	cr_expect_not_null(strstr(out.s, words), "no %s in\n%s", words, out.s);
}

Test(view_stacks, the_more_stacks_the_shorter_rows)
{
	row_says(60, 0, "f2 > f3 > f4");
	row_says(61, 0, "f2 > [2 more] > f5 > f6");
	row_says(20, 3, "f2 > f3 > f4");
	row_says(21, 3, "f2 > [2 more] > f5 > f6");
	row_says(10, 4, "f2 > f3 > f4");
	row_says(11, 4, "f2 > [2 more] > f5 > f6 > f7 > f8 > f9 > f10\n");
}

Test(view_stacks, threads_are_told_by_name_where_they_have_one)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "pool", 0), thread;

	calls_stack(m, 1, "a");
	for (int i = 1; i <= 3; i++) {
		thread = tree_thread(m, actor, 7 + i);
		calls_stack(m, thread, "a");
		model_thread(m, thread)->name = strtab_addf(m->strings, "worker-%d", i);
	}
	thread = tree_main(m, tree_actor(m, 20, "pool", actor));
	calls_stack(m, thread, "a");
	model_thread(m, thread)->name = calls_str(m, "pool");
	tree_wait(m, thread, WAIT_FUTEX, "waiting");
	calls_stack(m, tree_main(m, tree_actor(m, 30, "other", actor)), "a");
	model_index(m);
	page_render(&view_stacks, m, &(struct view_opts){ .width = 200, .verbose = true }, &out);
	cr_expect_not_null(strstr(out.s, "6 threads of 3 actors: pool[7], tid 8 (worker-1), "
					 "9 (worker-2), 10 (worker-3), [20], other[30]; "
					 "1 of them waiting\n"),
			   "%s", out.s);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

Test(view_stacks, tasks_are_in_the_same_tree)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, folded = STRBUF_INIT;
	uint32_t a = tree_actor(m, 7, "app", 0), b = tree_actor(m, 8, "app", a), id;

	calls_stack(m, 1, "main>epoll_wait");
	calls_stack(m, 2, "main>epoll_wait");
	for (uint32_t i = 0; i < 4; i++)
		calls_task(m, a, "reader", "serve>receive");
	model_task(m, calls_task(m, a, "fresh", ""))->state = TASK_NEW;
	model_task(m, calls_task(m, a, "finished", ""))->state = TASK_DONE;
	id = calls_task(m, a, "cut", "serve>receive");
	model_task(m, id)->stack_why = calls_str(m, "a frame that makes no sense");
	model_task(m, id)->hint = true;
	id = calls_task(m, b, "odd", "serve>send");
	m->verdict.culprit.actor = b;
	m->verdict.culprit.task = id;
	m->verdict.culprit.tid = 8;
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	cr_assert_eq(t->groups.count, 5);
	calls_group_is(t, 0, 1, "(trio task)>serve>send");
	calls_group_is(t, 3, 4, "(trio task)>serve>receive");
	calls_group_is(t, 4, 1, "(trio task)>(it has not begun)");
	cr_expect(t->groups.at[0].culprit);
	cr_expect_eq(t->threads, 2);
	cr_expect_eq(t->tasks, 7);
	for (uint32_t i = 1; i < 5; i++)
		cr_expect_not(t->groups.at[i].culprit);
	page_render(&view_stacks, m, &(struct view_opts){ .width = 200 }, &out);
	cr_expect_not_null(strstr(out.s, "2 threads and 7 tasks of 2 actors, 5 different stacks\n"),
			   "%s", out.s);
	cr_expect_not_null(strstr(out.s, "send (app.py:18)\n"), "%s", out.s);
	cr_expect_not_null(strstr(out.s, "[CULPRIT, odd one out] app[8] task odd\n"), "%s", out.s);
	cr_expect_not_null(strstr(out.s, "4 tasks reader of app[7]\n"), "%s", out.s);
	cr_expect_not_null(strstr(out.s, "(cut: a frame that makes no sense) > serve (app.py:17)"),
			   "%s", out.s);
	cr_expect_not_null(strstr(out.s, "(its loop ran while it was read)\n"), "%s", out.s);
	page_render(&view_folded, m, &ascii_80, &folded);
	cr_expect_not_null(strstr(folded.s, "app;(trio task);serve;receive 4\n"), "%s", folded.s);
}

Test(view_stacks, tasks_of_many_are_told_by_their_names)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	for (uint32_t i = 0; i < 3; i++) {
		uint32_t actor = tree_actor(m, 7 + (int)i, "app", 0);

		calls_stack(m, tree_main(m, actor), "main>epoll_wait");
		calls_task(m, actor, "same", "serve>same");
		calls_task(m, actor, "one", "serve>two");
		calls_task(m, actor, i ? "two" : "", "serve>two");
	}
	model_index(m);
	page_render(&view_stacks, m, &(struct view_opts){ .width = 200, .verbose = true }, &out);
	cr_expect_not_null(strstr(out.s, "3 actors, task same: app[7], [8], [9]\n"), "%s", out.s);
	cr_expect_not_null(strstr(out.s, "6 tasks of 3 actors: app[7] task one, , "
					 "[8] task one, two, [9] task one, two\n"),
			   "%s", out.s);
}

/* ---- interpreters ---------------------------------------------------------------------------- */

Test(view_stacks, python_and_native_calls_are_on_one_stack)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, all = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "python3", 0);

	calls_script(m, 1, 10);
	calls_script(m, tree_thread(m, actor, 8), 20);
	model_thread(m, 2)->script.title = calls_str(m, "Thread-1");
	model_thread(m, 2)->script.note = calls_str(m, "holds the GIL");
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);
	_cleanup_calltree_ struct calltree *whole = calltree_new(m, 0, true);

	cr_assert_eq(t->groups.count, 1);
	calls_group_is(t, 0, 2, "<module>>serve>Channel.receive>read");
	calls_group_is(whole, 0, 2,
		       "main>_PyEval_EvalFrameDefault><module>>serve>Channel.receive>os_read>read");
	page_render(&view_stacks, m, &(struct view_opts){ .width = 200 }, &out);
	cr_expect_not_null(strstr(out.s, "serve (app.py:1) > Channel.receive (app.py:10,20) > "
					 "read\n"),
			   "%s", out.s);
	cr_expect_not_null(
		strstr(out.s,
		       "2 threads of python3[7]: main thread, tid 8 (Thread-1); 8 holds the GIL\n"),
		"%s", out.s);
	page_render(&view_stacks, m, &all_80, &all);
	cr_expect_not_null(strstr(all.s, "    os_read  python3\n"), "%s", all.s);
	cr_expect_not_null(strstr(all.s, "    serve (app.py:1)\n"), "%s", all.s);
}

Test(view_stacks, python_calls_without_native_ones)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t actor = tree_actor(m, 7, "python3", 0);

	/* the native ones are of another moment; what the interpreter said ends early */
	calls_script(m, 1, 10);
	model_thread(m, 1)->stack_current = false;
	model_thread(m, 1)->script.why = calls_str(m, "a frame that makes no sense");
	/* it ran while its calls were read */
	calls_script(m, tree_thread(m, actor, 8), 10);
	model_thread(m, 2)->moved = true;
	calls_script(m, tree_thread(m, actor, 9), 10);
	model_thread(m, 3)->moved = true;
	calls_lost(m, 3, STACK_MOVED, "it runs");
	model_index(m);

	_cleanup_calltree_ struct calltree *t = calltree_new(m, 0, false);

	cr_assert_eq(t->groups.count, 3);
	calls_group_is(t, 0, 1,
		       "(cut: a frame that makes no sense)><module>>serve>Channel.receive");
	calls_group_is(t, 1, 1,
		       "<module>>serve>Channel.receive>(it ran while its calls were read)");
	calls_group_is(t, 2, 1, "<module>>serve>Channel.receive>(it runs)");
}
