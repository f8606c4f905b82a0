/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - ways to show a model. A view sees nothing but the model: live or from a file is the same
 * to it.
 *
 * A view is one file, foo.c, with one `const struct view view_foo`, named by the command that
 * offers it.
 */
#pragma once

#include "base/strbuf.h"
#include "model/model.h"

#include <stdbool.h>

struct view_opts {
	int width;	 /* columns of the page */
	bool color;	 /* escape sequences may be used */
	bool utf8;	 /* the reader's locale shows UTF-8 */
	bool verbose;	 /* nothing is folded */
	uint32_t thread; /* stacks: of this thread of the model only; 0: of all */
	/*
	 * Takes what there is of a long document and empties `part`; a view may call it while it
	 * renders. NULL: all of it is wanted at the end.
	 */
	void (*flush)(void *arg, struct strbuf *part);
	void *flush_arg;
};

struct view {
	const char *name;
	void (*render)(const struct model *m, const struct view_opts *opts, struct strbuf *out);
};

extern const struct view view_why;    /* text.c: the verdict on one screen */
extern const struct view view_brief;  /* text.c: the sentence */
extern const struct view view_tree;   /* tree.c: the actors and how they came to be */
extern const struct view view_json;   /* json.c: the document of the contract */
extern const struct view view_stacks; /* stacks.c: equal stacks merged into a tree */
extern const struct view view_folded; /* stacks.c: the same, a line a stack, for flame graphs */

/* The JSON Schema (draft 2020-12) of view_json. `closed`: fields that it does not know are errors.
 */
void schema_write(bool closed, struct strbuf *out);
