/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json_parts.h - what the files of the JSON document share.
 */
#pragma once

#include "view.h"

#include "base/jsonw.h"

struct document {
	struct jsonw w;
	const struct view_opts *opts;
	const struct model *m;
	bool *shown;	    /* by object id */
	uint32_t *on_stamp; /* by actor id: the last wait that named it, so that it is named once */
	uint32_t on_count;
	uint32_t nursery, scope; /* how many were written: they are in the order of actors */
};

/* Foreign text by its string id; 0 gives null. */
void json_put_string(struct document *d, const char *key, uint32_t id);

/* A list of them. */
void json_put_strings(struct document *d, const char *key, const uint32_t *ids, uint32_t count);

/* What a thread is at: native calls, those of an interpreter, kernel functions. */
void json_put_stack(struct document *d, uint32_t thread);

/* The calls of a task, and why there are no more. */
void json_put_task_stack(struct document *d, uint32_t task);
