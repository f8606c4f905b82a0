/* SPDX-License-Identifier: BSD-2-Clause */
#include "viewer/view/task_tree.h"

#include "lib/unit_page.h"
#include "lib/unit_tree.h"
#include "model/frames.h"
#include "model/tasks.h"

#include <criterion/criterion.h>
#include <string.h>

static uint32_t str(struct model *m, const char *text)
{
	return strtab_add(m->strings, text);
}

/* A task that awaits in `function`, line `line` of its file, below main(). */
static uint32_t add_task(struct model *m, const char *name, uint32_t nursery, const char *function)
{
	uint32_t task = model_add_task(m, 1, m->tasks.count + 1u), wait;
	struct task_frame f = { .function = str(m, function),
				.file = str(m, "/srv/app.py"),
				.line = 7,
				.kind = SCRIPT_COROUTINE };

	model_task(m, task)->name = str(m, name);
	model_task(m, task)->runtime = str(m, "trio");
	model_task(m, task)->nursery = nursery;
	model_task(m, task)->state = TASK_WAITING;
	model_add_task_frame(m, task, f);
	wait = model_add_wait(m, 1, 0);
	model_wait(m, wait)->task = task;
	model_wait(m, wait)->kind = WAIT_TASK_EVENT;
	model_wait(m, wait)->text = str(m, "waiting for an event");
	model_task(m, task)->wait = wait;
	return task;
}

static uint32_t add_nursery(struct model *m, uint32_t task, int32_t children)
{
	uint32_t nursery = model_add_nursery(m, 1, m->nurseries.count + 1u);

	model_nursery(m, nursery)->task = task;
	model_nursery(m, nursery)->children = children;
	model_nursery(m, nursery)->waiting = true;
	return nursery;
}

/* A main task with a nursery of six: four alike, one with a nursery of its own, one cancelled. */
static struct model *family(void)
{
	struct model *m = model_new();
	uint32_t id = tree_actor(m, 7, "app", 0), nursery, inner;
	struct task_frame f = { .function = str(m, "main"), .file = str(m, "/srv/app.py") };

	(void)id;
	id = add_task(m, "main", 0, "sleep");
	model_task(m, id)->main = true;
	f.source.text = str(m, "async with open_nursery() as n:");
	f.line = 30;
	model_add_task_frame(m, id, f);
	nursery = add_nursery(m, id, 6);
	for (int i = 0; i < 4; i++)
		add_task(m, i ? "worker" : "first", nursery, "work");
	id = add_task(m, "server", nursery, "serve");
	model_nursery(m, add_nursery(m, id, 1))->scope = model_add_scope(m, 1, 1);
	model_scope(m, 1)->shield = model_scope(m, 1)->cancelled = true;
	inner = m->nurseries.count;
	id = add_task(m, "request", inner, "answer");
	model_task(m, id)->requested = TOLD_YES;
	model_task(m, id)->shielded = TOLD_YES;
	model_add_exception(m, 0, id,
			    (struct script_exception){ .type = str(m, "KeyError"),
						       .text = str(m, "no x") });
	id = add_task(m, "last", nursery, "work");
	model_wait(m, model_task(m, id)->wait)->kind = WAIT_SLEEP;
	model_wait(m, model_task(m, id)->wait)->text = str(m, "sleeping");
	model_wait(m, model_task(m, id)->wait)->since_ms = 2500;
	return m;
}

static void render(struct strbuf *out, const struct model *m, const struct view_opts *opts,
		   const bool *only)
{
	struct page page = { .out = out, .opts = opts };

	task_tree_put(&page, m, 1, only);
}

Test(task_tree, below_nurseries)
{
	_cleanup_model_ struct model *m = family();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, utf8 = STRBUF_INIT, all = STRBUF_INIT;

	render(&out, m, &(struct view_opts){ .width = 80 }, NULL);
	page_is_golden("tasks.txt", &out);
	page_check_width(out.s, 80);
	render(&utf8, m, &(struct view_opts){ .width = 40, .utf8 = true }, NULL);
	page_is_golden("tasks_narrow.txt", &utf8);
	render(&all, m, &(struct view_opts){ .width = 80, .verbose = true }, NULL);
	page_is_golden("tasks_all.txt", &all);
}

Test(task_tree, only_those_that_matter)
{
	_cleanup_model_ struct model *m = family();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	bool only[16] = { false };

	only[7] = true;
	render(&out, m, &(struct view_opts){ .width = 80 }, only);
	page_is_golden("tasks_only.txt", &out);
}

/* Nobody above, a circle, a parent of another actor: all are told once. */
Test(task_tree, what_a_capture_may_say)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	uint32_t a, b, other;

	tree_actor(m, 7, "app", 0);
	a = add_task(m, "a", 0, "f");
	b = add_task(m, "b", 0, "g");
	model_task(m, a)->parent = b;
	model_task(m, b)->parent = a;
	other = add_task(m, "c", 0, "h");
	model_task(m, other)->parent = 99;
	model_task(m, add_task(m, "d", 77, "i"))->parent = 4;
	render(&out, m, &(struct view_opts){ .width = 80 }, NULL);
	for (const char *name = "abcd"; *name; name++) {
		char line[16];
		const char *at;

		snprintf(line, sizeof(line), "%c: waiting", *name);
		at = strstr(out.s, line);
		cr_assert(at, "no %s in %s", line, out.s);
		cr_expect_null(strstr(at + 1, line), "%s", out.s);
	}
}

Test(task_tree, there_is_an_end_to_it)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT, all = STRBUF_INIT;
	char name[32];
	uint32_t lines = 0;

	tree_actor(m, 7, "app", 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		model_task(m, add_task(m, "t", 0, name))->parent = i ? (uint32_t)i : 0;
	}
	render(&out, m, &(struct view_opts){ .width = 100 }, NULL);
	for (const char *c = out.s; *c; c++)
		lines += *c == '\n';
	cr_expect_lt(lines, 100, "%u lines", lines);
	cr_expect(strstr(out.s, "and 960 more tasks (--all shows them)"), "%s", out.s);
	render(&all, m, &(struct view_opts){ .width = 100, .verbose = true }, NULL);
	cr_expect(strstr(all.s, "in f999 (app.py:7)"));
}

Test(task_tree, nothing_of_nobody)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;

	tree_actor(m, 7, "app", 0);
	render(&out, m, &(struct view_opts){ .width = 80 }, NULL);
	cr_expect_eq(out.len, 0);
}
