/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snag.h - the library's front door: look at a tree, get a model with a verdict.
 *
 *	_cleanup_session_ struct session *s = NULL;
 *	rc = session_open(&(struct session_opts){ .reader = "auto" }, &s, err);
 *	_cleanup_model_ struct model *m = NULL;
 *	rc = session_look(s, &(struct read_scope){ .roots = &pid, .root_count = 1 }, &m, err);
 *	puts(model_str(m, m->verdict.summary));
 *
 * A session keeps what is expensive (loaded BPF programs), so looking again is cheap. Not
 * thread-safe.
 */
#pragma once

#include "base/error.h"
#include "model/model.h"
#include "read/reader.h"

/* Whose stacks are taken. */
enum stacks_of {
	STACKS_NONE,
	STACKS_CHAIN, /* the threads from the focus down to the culprit */
	STACKS_ALL,
};

/* Native stacks: of whom, and what is told of them. */
struct stack_opts {
	uint8_t which;	   /* enum stacks_of */
	bool lines;	   /* files, lines and inlined functions: slow where there are any */
	bool kernel;	   /* kernel stacks of all of them, not only of those in state D */
	bool libunwind;	   /* walk with libunwind */
	bool no_debuginfo; /* look for names in the files themselves only */
};

struct session_opts {
	const char *reader; /* "auto", "bpf", "procfs" */
	uint32_t samples;   /* how often to look to tell busy from progressing; 0: the default, 3 */
	int32_t focus_tid;  /* the thread that the question is about; 0: the root's main thread */
	struct stack_opts stacks;
	bool locals; /* variables of the calls that an interpreter runs */
};

struct session;

/* Open a session. Fails as reader_open() does. */
SNAG_MUST_CHECK
int session_open(const struct session_opts *opts, struct session **ret, struct snag_error *err);

/* Close it. NULL is fine. */
void session_free(struct session *s);
DEFINE_GUARD(session)
#define _cleanup_session_ _cleanup_(session_free_guard)

/*
 * Look at the tree once: a double collect, waits decoded, verdict given. -ESRCH when there is no
 * such process (the caller says "gone"). The model is yours: model_free().
 */
SNAG_MUST_CHECK
int session_look(struct session *s, const struct read_scope *scope, struct model **ret,
		 struct snag_error *err);

/* The version, "0.1.0". */
const char *snag_version(void);
