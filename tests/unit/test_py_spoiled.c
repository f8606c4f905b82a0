/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One bad object spoils one line only: words of one object of a live interpreter are replaced, and
 * all that is said of others stays as it was.
 */
#include "lib/common_pages.h"
#include "lib/unit_python.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum { OBJECTS = 64, LINES = 64, WORDS = 12 };

/* What the program has told of itself. */
struct told {
	char names[OBJECTS][32];
	uint64_t addresses[OBJECTS];
	uint32_t count;
};

static void listen(struct python *py, struct told *told)
{
	const char *line;

	told->count = 0;
	while ((line = python_line(py)) && strcmp(line, "done") != 0) {
		cr_assert_lt(told->count, OBJECTS);
		cr_assert_eq(sscanf(line, "%31s %lu", told->names[told->count],
				    &told->addresses[told->count]),
			     2);
		told->count++;
	}
	cr_assert(line, "%s ended early", py->path);
}

static char *lines_of(struct pages *p)
{
	_cleanup_model_ struct model *m = pages_read(p);
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	pages_lines(m, &b);
	return strbuf_steal(&b);
}

/* How many lines of `before` are not in `after`, and the first of them. */
static uint32_t missing(const char *before, const char *after, char *first, size_t size)
{
	uint32_t count = 0;

	while (*before) {
		size_t n = strcspn(before, "\n") + 1;
		_cleanup_free_ char *line = strndup(before, n);

		if (!strstr(after, line) && !count++)
			snprintf(first, size, "%s", line);
		before += n;
	}
	return count;
}

static const uint64_t bad[] = { 0, 8, 0x7fffffffffff, UINT64_MAX };

/* All words of one object, one after the other. Returns how often that was to be seen. */
static uint32_t spoil(struct pages *p, const char *before, const char *name, uint64_t addr)
{
	uint32_t seen = 0;
	char first[512] = "";

	for (uint32_t w = 0; w < WORDS; w++)
		for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			_cleanup_free_ char *after = NULL;
			uint32_t gone;

			if (!pages_put(p, addr + w * 8, bad[i]))
				continue;
			after = lines_of(p);
			pages_undo(p);
			gone = missing(before, after, first, sizeof(first));
			seen += gone;
			cr_assert_leq(gone, 1, "%s, word %u = %lx: %u lines, also %s", name, w,
				      bad[i], gone, first);
		}
	return seen;
}

Test(py_spoiled, one_line_only, .timeout = 300)
{
	struct python py;

	python_need();
	for (uint32_t i = 0; python_at(i, &py); i++) {
		_cleanup_free_ char *before = NULL;
		struct told told;
		struct pages *p;
		uint32_t seen = 0;

		python_start(&py, pages_program);
		listen(&py, &told);
		python_wait(&py, SYS_read);
		p = pages_of(py.tgid);
		cr_assert(p, "%s", py.path);
		before = lines_of(p);
		cr_assert(strstr(before, "!KeyError:in a generator"), "%s", before);
		cr_assert(strstr(before, "!ValueError:task 3"), "%s", before);
		for (uint32_t k = 0; k < told.count; k++)
			/* two of each sort */
			if (strchr("37", told.names[k][strlen(told.names[k]) - 1]))
				seen += spoil(p, before, told.names[k], told.addresses[k]);
		cr_expect_gt(seen, 20, "%s: nothing was spoiled", py.path);
		pages_free(p);
		python_end(&py);
	}
}
