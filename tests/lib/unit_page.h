/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_page.h - pages for people: as they were when somebody read them, and no wider than asked
 * for.
 */
#pragma once

#include "viewer/view/page.h"

/* What `view` prints of `m` where the locale is UTF-8. */
void page_render(const struct view *view, const struct model *m, const struct view_opts *opts,
		 struct strbuf *out);

/*
 * Fail unless the page is tests/golden/NAME. With GOLDEN=write in the environment it becomes that,
 * and the difference is to be read before it is committed.
 */
void page_is_golden(const char *name, const struct strbuf *page);

/* Fail when a line is wider than `width` columns. */
void page_check_width(const char *text, int width);

/* How many lines the text has. */
int page_count_lines(const char *text);
