/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * page.h - paragraphs for people: a label in the margin, wrapped text, colours.
 *
 * All text that goes through here is cleaned (clean.h) first; only the page itself emits escape
 *sequences.
 *
 *	struct page p = { .out = out, .opts = opts };
 *	page_para(&p, &(struct para){ .label = "culprit", .text = text, .style = STYLE_BOLD });
 */
#pragma once

#include "view.h"

enum style {
	STYLE_PLAIN,
	STYLE_BOLD,
	STYLE_DIM,
	STYLE_RED,
	STYLE_YELLOW,
	STYLE_GREEN,
	STYLE_CYAN,
};

struct page {
	struct strbuf *out;
	const struct view_opts *opts;
};

struct para {
	const char *label; /* in the margin of its first line, or NULL */
	int margin;	   /* columns of the margin */
	int indent;	   /* columns before the lead that somebody has written already */
	const char *lead;  /* the beginning of the text, in a style of its own, or NULL */
	enum style lead_style;
	int lead_width; /* the lead is padded to so many columns; later lines start behind it */
	const char *text;
	enum style style;
	int taken;     /* columns of the first line that somebody has used already */
	int max_lines; /* what is more is cut, 0: nothing is */
};

/* Write a paragraph. */
void page_para(struct page *p, const struct para *para);

/* Cleaned text of one line in a style, no newline; at most `columns` of it when that is not 0.
 * Returns its width. */
int page_text(struct page *p, const char *text, enum style style, int columns);

/* An empty line. */
void page_gap(struct page *p);

/* "350ms", "12s", "2h13m", "3d4h", or "?" for UINT64_MAX. */
void duration_add(struct strbuf *out, uint64_t ms);

/* "sh[810]", or "sh[810] tid 815" for a thread that is not the main one; `thread` may be 0. */
void who_add(struct strbuf *out, const struct model *m, uint32_t actor, uint32_t thread);

/* "reading pipe:[123] (fd 0)": what a wait is, in other words when its decoder found none. */
void wait_add(struct strbuf *out, const struct model *m, const struct wait *w);

/* The last part of a path, "?" without one. Borrowed from the model. */
const char *file_name(const struct model *m, uint32_t path);

/*
 * A place in the code: "read", "worker (pool.c:12)", "bash!0x2a3f0+0x12" in a function without a
 * name that begins there, "bash+0x2a402" where not even that is known.
 */
void code_add(struct strbuf *out, const struct model *m, const struct code *c);

/* A line of where the model comes from: how many processes, which reader, when. */
void page_source(struct page *p, const struct model *m);
