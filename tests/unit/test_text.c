/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What people read. The pages of one hang stand in tests/golden/; GOLDEN=write renews them, and the
 * difference is to be read before it is committed.
 */
#include "viewer/view/clean.h"
#include "viewer/view/page.h"

#include "model/frames.h"

#include "lib/unit_hang.h"
#include "lib/unit_page.h"

#include <criterion/criterion.h>

static const struct view_opts ascii_80 = { .width = 80 };
static const struct view_opts utf8_80 = { .width = 80, .utf8 = true };

static void page_is(const char *name, const struct view *view, const struct view_opts *opts)
{
	_cleanup_model_ struct model *m = hang_model();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	page_render(view, m, opts, &out);
	if (!opts->color)
		page_check_width(out.s, opts->width);
	page_is_golden(name, &out);
}

Test(text, pages_of_one_hang)
{
	page_is("why.txt", &view_why, &ascii_80);
	page_is("why_colour.txt", &view_why,
		&(struct view_opts){ .width = 100, .utf8 = true, .color = true });
	page_is("why_narrow.txt", &view_why, &(struct view_opts){ .width = 40 });
	page_is("brief.txt", &view_brief, &(struct view_opts){ .width = 200 });
	page_is("tree.txt", &view_tree, &(struct view_opts){ .width = 100 });
	page_is("tree_utf8.txt", &view_tree, &(struct view_opts){ .width = 100, .utf8 = true });
}

Test(text, a_capture_says_when_and_where)
{
	_cleanup_model_ struct model *m = hang_model();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	m->from_capture = true;
	page_render(&view_why, m, &ascii_80, &out);
	cr_assert_not_null(strstr(out.s, "2023-11-14 22:13:20 UTC on"));
}

/* A chain of 46 processes that wait for the next one's exit. */
static struct model *long_chain(void)
{
	struct model *m = model_new();
	uint32_t parent = 0;

	for (int i = 0; i < 46; i++) {
		uint32_t actor = tree_actor(m, 100 + i, "link", parent);

		if (parent)
			*vec_push(&m->verdict.chain) = tree_wait_exit(m, parent, actor);
		parent = actor;
	}
	for (int i = 0; i < 30; i++) {
		struct finding f = { .fd = i, .actor = 1 };

		f.kind = strtab_add(m->strings, "zombie");
		f.text = strtab_add(m->strings, "a child is dead and nobody waits");
		model_add_finding(m, f);
	}
	m->verdict.kind = VERDICT_DEADLOCK;
	m->verdict.summary = strtab_add(m->strings, "a long chain");
	model_index(m);
	return m;
}

Test(text, long_lists_are_folded_unless_asked)
{
	_cleanup_model_ struct model *m = long_chain();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, all = STRBUF_INIT;

	page_render(&view_why, m, &ascii_80, &out);
	cr_assert_leq(page_count_lines(out.s), 24);
	cr_assert_not_null(strstr(out.s, "... and 37 more"), "%s", out.s);
	cr_assert_not_null(strstr(out.s, "link[144]"));
	cr_assert_null(strstr(out.s, "link[120]"));
	page_render(&view_why, m, &(struct view_opts){ .width = 80, .verbose = true }, &all);
	cr_assert_null(strstr(all.s, " more"));
	for (int pid = 100; pid < 145; pid++) {
		_cleanup_free_ char *who = xasprintf("link[%d]", pid);

		cr_assert_not_null(strstr(all.s, who), "%s", who);
	}
}

/* ---- foreign text -----------------------------------------------------------------------------
 */

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

/* Every string of the model is one that tries something. */
static void poison(struct model *m, const char *text)
{
	uint32_t id = strtab_add(m->strings, text);

	for (uint32_t i = 0; i < m->actors.count; i++) {
		struct actor *a = &m->actors.at[i];

		a->name = a->exe = a->joined = a->spawn_backend = id;
		a->argv = strtab_addf(m->strings, "x\x1f%s", text);
	}
	for (uint32_t i = 0; i < m->waits.count; i++)
		m->waits.at[i].text = m->waits.at[i].op = id;
	for (uint32_t i = 0; i < m->findings.count; i++)
		m->findings.at[i].text = m->findings.at[i].kind = m->findings.at[i].effect = id;
	m->verdict.summary = m->verdict.culprit.text = m->verdict.culprit.reason = id;
	m->sides.at[0].summary = m->sides.at[0].condition = id;
	m->missing.at[0] = m->reader = m->host = id;
	m->from_capture = true;
}

Test(text, no_name_commands_the_terminal)
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
	};
	static const struct view *const views[] = { &view_why, &view_brief, &view_tree };

	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		_cleanup_model_ struct model *m = hang_model();

		poison(m, hostile[i]);
		for (int utf8 = 0; utf8 < 2; utf8++) {
			struct view_opts opts = { .width = 70, .utf8 = utf8 };

			for (size_t v = 0; v < sizeof(views) / sizeof(*views); v++) {
				_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

				page_render(views[v], m, &opts, &out);
				harmless(out.s);
				if (views[v] != &view_brief)
					page_check_width(out.s, opts.width);
			}
		}
	}
}

static void cleaned(const char *from, bool utf8, const char *to)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	clean_add(&out, from, utf8);
	cr_assert_str_eq(strbuf_str(&out), to);
}

Test(clean, what_is_shown_and_what_is_spelled)
{
	cleaned("plain text", false, "plain text");
	cleaned("\033[m", true, "\\x1b[m");
	cleaned("\xc3\xa4\xe4\xb8\xad", true, "\xc3\xa4\xe4\xb8\xad");
	cleaned("\xc3\xa4\xe4\xb8\xad", false, "\\u00e4\\u4e2d");
	cleaned("\xff\xc3", true, "\\xff\\xc3");
	cleaned("\xe2\x80\xae\xc2\x9b", true, "\\u202e\\u009b");
	cleaned("\xf0\x9f\x98\x80", false, "\\U0001f600");
}

/* ---- the page ---------------------------------------------------------------------------------
 */

static void para_is(const struct para *para, int width, const char *expected)
{
	const struct view_opts opts = { .width = width };
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	struct page p = { .out = &out, .opts = &opts };

	page_para(&p, para);
	cr_assert_str_eq(out.s, expected, "%s", out.s);
}

Test(page, paragraphs)
{
	para_is(&(struct para){ .text = "one two three four five six" }, 20,
		"one two three four\nfive six\n");
	para_is(&(struct para){ .label = "x", .margin = 4, .text = "one two three four five six" },
		24, "x   one two three four\n    five six\n");
	para_is(&(struct para){ .text = "one two three four five six", .max_lines = 1 }, 20,
		"one two three fou...\n");
	para_is(&(struct para){ .text = "aaaaaaaaaabbbbbbbbbbcccc" }, 20,
		"aaaaaaaaaabbbbbbbbbb\ncccc\n");
	para_is(&(struct para){ .lead = "ab", .lead_width = 4, .text = "one two three four five" },
		24, "ab  one two three four\n    five\n");
	para_is(&(struct para){ .text = "" }, 20, "\n");
}

static void duration_is(uint64_t ms, const char *expected)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	duration_add(&out, ms);
	cr_assert_str_eq(out.s, expected);
}

Test(page, durations)
{
	duration_is(0, "0ms");
	duration_is(999, "999ms");
	duration_is(1500, "1.5s");
	duration_is(61000, "1m01s");
	duration_is(7980000, "2h13m");
	duration_is(90061000, "1d01h");
	duration_is(UINT64_MAX, "?");
}

static void code_is(const char *expected, const char *symbol, const char *module, struct code c)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	c.symbol = strtab_add(m->strings, symbol);
	c.module = strtab_add(m->strings, module);
	code_add(&out, m, &c);
	cr_assert_str_eq(strbuf_str(&out), expected);
}

Test(page, places_in_the_code)
{
	const struct code known = { .address = 0x2a402, .offset = 0x12, .function = true };
	const struct code lost = { .address = 0x2a402, .offset = 0x2a402 };
	/* as a capture may have it */
	const struct code odd = { .address = 0x12, .offset = 0x2a402, .function = true };

	code_is("read", "read", "/lib/libc.so.6", known);
	code_is("bash!0x2a3f0+0x12", NULL, "/bin/bash", known);
	code_is("bash+0x2a402", NULL, "/bin/bash", lost);
	code_is("bash+0x12", NULL, "/bin/bash", odd);
	code_is("0x2a402", NULL, NULL, lost);
}

/* A capture may say that two processes are each other's parents: each has its line, once. */
Test(tree, circles_of_parents_end)
{
	_cleanup_model_ struct model *m = hang_model();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	model_actor(m, 1)->parent = 3;
	model_actor(m, 2)->parent = 2;
	page_render(&view_tree, m, &utf8_80, &out);
	cr_assert_eq(page_count_lines(out.s), 6);
	cr_assert_not_null(strstr(out.s, "make[810]"));
	cr_assert_not_null(strstr(out.s, "python3[811]"));
	cr_assert_not_null(strstr(out.s, "sleep[812]"));
}

Test(tree, a_deep_one_keeps_to_its_width)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t parent = 0;

	for (int i = 0; i < 500; i++)
		parent = tree_actor(m, 1 + i, "deep", parent);
	model_index(m);
	page_render(&view_tree, m, &utf8_80, &out);
	page_check_width(out.s, 80);
	cr_assert_eq(page_count_lines(out.s), 501);
}

/* ---- where in the program -------------------------------------------------------------------- */

/* The hang, whose first thread waits in six functions of which the third has a hostile name. */
static struct model *hang_in_functions(bool current)
{
	static const char *const names[] = { "read", NULL, "a\033[2Jb", "d", "e", "main" };
	struct model *m = hang_model();
	uint32_t thread = model_wait(m, m->verdict.chain.at[0])->thread;

	for (uint64_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct code c = { .address = 0x10 + i, .offset = i };

		c.symbol = strtab_add(m->strings, names[i]);
		c.module = strtab_add(m->strings, "/usr/lib/libx.so.1");
		if (i == 3) {
			c.file = strtab_add(m->strings, "/src/deep/d.c");
			c.line = 42;
		}
		cr_assert(model_add_frame(m, thread,
					  (struct frame){ .pc = i, .code = model_add_code(m, c) }));
	}
	model_thread(m, thread)->stack_current = current;
	return m;
}

Test(text, a_hop_names_the_innermost_functions)
{
	_cleanup_model_ struct model *m = hang_in_functions(true);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	const struct view_opts wide = { .width = 200 }, all = { .width = 200, .verbose = true };

	page_render(&view_why, m, &wide, &out);
	cr_assert_not_null(strstr(out.s,
				  "in read < libx.so.1+0x11 < a\\x1b[2Jb < d (d.c:42) < 2 more\n"),
			   "%s", out.s);
	strbuf_reset(&out);
	page_render(&view_why, m, &all, &out);
	cr_assert_not_null(strstr(out.s, "< d (d.c:42) < e < main\n"), "%s", out.s);
}

Test(text, a_stack_of_another_moment_is_not_shown)
{
	_cleanup_model_ struct model *m = hang_in_functions(false);
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	page_render(&view_why, m, &ascii_80, &out);
	cr_assert_null(strstr(out.s, "in read <"));
}
