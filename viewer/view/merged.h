/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * merged.h - native calls and those of an interpreter on one stack, in call order.
 *
 * Each evaluation loop of CPython on the native stack runs the Python calls down to one that native
 * code called (struct script_frame.entry). Where the two do not fit together what the interpreter
 * runs stands behind the native calls that its innermost call has made.
 */
#pragma once

#include "base/strbuf.h"
#include "base/vec.h"
#include "model/model.h"

struct below;

/* One of the two is NULL. */
struct merged_call {
	const struct frame *native;
	const struct script_frame *script;
};

struct merged {
	VEC(struct merged_call) calls; /* innermost first */
	bool scripts;		       /* there are some of an interpreter */
};

/*
 * The calls of a thread. `whole`: also those of the interpreter's own code, and what is outside of
 * all that it runs. Frames that were read while the thread ran are left out.
 */
void merged_read(struct merged *x, const struct model *m, uint32_t thread, bool whole);

/* Free the memory; it is empty and may be used again. */
void merged_release(struct merged *x);
DEFINE_PLACE_GUARD(merged)
#define _cleanup_merged_ _cleanup_(merged_release_guard)

/* Are the frames that the interpreter told of a thread those that it stands in? */
bool merged_is_still(const struct model *m, uint32_t thread);

/* "App.run (app.py:12)". */
void script_add(struct strbuf *out, const struct model *m, const struct script_frame *f);

/* A place in a program's own files, and what stands there. */
struct source_of {
	uint32_t file, line; /* string of the model, 0: none was asked for */
	struct script_source source;
};

/* Of the calls of a thread, or of a task. */
struct source_of script_source(const struct model *m, uint32_t thread);
/* See script_source(). */
struct source_of task_source(const struct model *m, uint32_t task);

/* "/srv/app.py:12: os.read(r, 1)", or why its line is not told; false: nothing is. */
bool source_add(struct strbuf *out, const struct model *m, const struct source_of *of);

/* "handling KeyError: no such thing; ValueError", "raising OSError: .."; false: there is none. */
bool exceptions_add(struct strbuf *out, const struct model *m, const struct below *b);

/*
 * "work: a = 1, b = 'text'": the variables of call `i` of a thread or a task, the innermost 0;
 * false: none were asked for.
 */
bool locals_add(struct strbuf *out, const struct model *m, const struct below *b, uint32_t i);
