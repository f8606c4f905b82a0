/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_page.h"

#include "viewer/view/clean.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void page_render(const struct view *view, const struct model *m, const struct view_opts *opts,
		 struct strbuf *out)
{
	setlocale(LC_CTYPE, "C.UTF-8");
	view->render(m, opts, out);
}

void page_is_golden(const char *name, const struct strbuf *page)
{
	_cleanup_free_ char *path = xasprintf("tests/golden/%s", name);
	const char *mode = getenv("GOLDEN");
	char text[16384];
	size_t n;

	if (mode && strcmp(mode, "write") == 0) {
		_cleanup_fclose_ FILE *new = fopen(path, "w");

		cr_assert_not_null(new, "%s", path);
		cr_assert_eq(fwrite(page->s, 1, page->len, new), page->len);
	}
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	cr_assert_not_null(file, "%s", path);
	n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	cr_assert_str_eq(page->s, text, "not as in %s:\n%s", path, page->s);
}

void page_check_width(const char *text, int width)
{
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		cr_assert_leq(clean_width(line, strcspn(line, "\n")), width, "%.*s",
			      (int)strcspn(line, "\n"), line);
}

int page_count_lines(const char *text)
{
	int lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}
