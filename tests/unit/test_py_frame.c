/* SPDX-License-Identifier: BSD-2-Clause */
#include "runtimes/python/py.h"

#include "lib/python_calls.h"
#include "lib/unit_python.h"
#include "read/mem.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { LINES_MAX = 2048 };

struct scene {
	struct python py;
	char *lines[LINES_MAX];
	uint32_t count;
	struct mem *mem;
	struct py_mem *pages;
	struct py *p;
};

static bool scene_begin(struct scene *s, uint32_t i)
{
	const char *line, *why = NULL;

	memset(s, 0, sizeof(*s));
	if (!python_at(i, &s->py))
		return false;
	python_start(&s->py, python_calls);
	while ((line = python_line(&s->py)) && strcmp(line, "done") != 0) {
		cr_assert_lt(s->count, LINES_MAX);
		s->lines[s->count++] = strdup(line);
	}
	cr_assert(line, "%s ended early", s->py.path);
	s->mem = mem_new(s->py.tgid, false);
	s->pages = py_mem_of(s->mem);
	s->p = py_open(s->pages, strtoull(s->lines[0], NULL, 10), s->py.minor, &why);
	cr_assert(s->p, "%s: %s", s->py.path, why);
	return true;
}

static void scene_end(struct scene *s)
{
	for (uint32_t i = 0; i < s->count; i++)
		free(s->lines[i]);
	py_free(s->p);
	py_mem_free(s->pages);
	mem_free(s->mem);
	python_end(&s->py);
}

/* The frames that snag sees of a thread against the lines from `at` on: the next thread's. */
static uint32_t check_thread(struct scene *s, uint32_t at)
{
	static struct py_frame frames[PY_FRAMES_MAX];
	struct strtab *t = py_strings(s->p->objs);
	int64_t thread = py_find_thread(s->p, 0, strtoull(s->lines[at] + 7, NULL, 10));
	const char *cut = NULL;
	uint32_t n, i = 0;

	cr_assert_geq(thread, 0, "%s: %s", s->py.path, s->lines[at]);
	n = py_frames(s->p, s->p->threads[thread].frame, frames, PY_FRAMES_MAX, &cut);
	cr_assert_null(cut, "%s: %s", s->py.path, cut);
	for (at++; strcmp(s->lines[at], "end") != 0; at++, i++) {
		char mine[1024];

		cr_assert_lt(i, n, "%s: no frame for %s", s->py.path, s->lines[at]);
		snprintf(mine, sizeof(mine), "%s:%u:%s", strtab_get(t, frames[i].file),
			 frames[i].line, strtab_get(t, frames[i].name));
		cr_assert_str_eq(mine, s->lines[at], "%s, frame %u", s->py.path, i);
	}
	cr_assert_eq(i, n, "%s: %u frames too many", s->py.path, n - i);
	return at + 1;
}

Test(py_frame, as_the_interpreter_sees_them, .timeout = 120)
{
	struct scene s;

	python_need();
	for (uint32_t i = 0; scene_begin(&s, i); i++) {
		uint32_t threads = 0;

		for (uint32_t at = 1; at < s.count; threads++)
			at = check_thread(&s, at);
		cr_assert_geq(threads, 8);
		cr_assert_eq(s.p->thread_count, threads + 1);
		cr_assert_eq(s.p->interpreter_count, 1);
		scene_end(&s);
	}
}
