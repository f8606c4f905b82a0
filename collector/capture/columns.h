/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * columns.h - which column of a capture is which member of the model; inside capture/ only.
 *
 * One table of columns serves writing and loading, so that neither can forget what the other knows.
 * Columns stand in the order of schema.sql; `id`, which every table has, is not among them.
 */
#pragma once

#include "model/model.h"

#include <stddef.h>

enum column_type {
	COLUMN_INT,	 /* with a sign */
	COLUMN_UINT,	 /* without; 64 bits are stored bit for bit */
	COLUMN_OPTIONAL, /* a uint64_t of which UINT64_MAX is NULL */
	COLUMN_BOOL,
	COLUMN_TRISTATE, /* an int8_t of which -1 is NULL */
	COLUMN_REAL,
	COLUMN_TEXT,	    /* a string id, 0 is NULL */
	COLUMN_NEEDED_TEXT, /* a string id that is not 0 */
	COLUMN_CHAR,	    /* '\0' is NULL */
	COLUMN_WORD,	    /* a number from 0 on, stored as a word of the list `arg` */
	COLUMN_REF,	    /* an id of the table `arg`, 0 is NULL */
	COLUMN_NEEDED_REF,  /* an id of the table `arg`, never 0 */
};

/* The lists of words. */
enum column_words {
	WORDS_ACTOR,
	WORDS_SPAWN,
	WORDS_SEEN,
	WORDS_MODE,
	WORDS_WAIT,
	WORDS_LEVEL,
	WORDS_TERM,
	WORDS_ROLE,
	WORDS_VERDICT,
	WORDS_CONFIDENCE,
	WORDS_STACK,
	WORDS_HOW,
	WORDS_TASK,
	WORDS_SCRIPT,
	WORDS_GIL,
	WORDS_WORK,
	WORDS_COUNT,
};

enum table_id {
	TABLE_CAPTURE,
	TABLE_ACTORS,
	TABLE_THREADS,
	TABLE_OBJECTS,
	TABLE_HOLDERS,
	TABLE_WAITS,
	TABLE_TERMS,
	TABLE_FINDINGS,
	TABLE_MISSING,
	TABLE_VERDICT,
	TABLE_CHAIN,
	TABLE_MEMBERS,
	TABLE_EVIDENCE,
	TABLE_CAVEATS,
	TABLE_SIDES,
	TABLE_SIDE_MEMBERS,
	TABLE_CODES,
	TABLE_INLINED,
	TABLE_FRAMES,
	TABLE_KERNEL_FRAMES,
	TABLE_TASKS,
	TABLE_NURSERIES,
	TABLE_SCOPES,
	TABLE_TASK_FRAMES,
	TABLE_SCRIPT_FRAMES,
	TABLE_LOCALS,
	TABLE_EXCEPTIONS,
	TABLE_DEBTS,
	TABLE_COUNT,
};

struct column {
	const char *name;
	uint16_t offset; /* in the element */
	uint8_t size;	 /* of the member, in bytes */
	uint8_t type;	 /* enum column_type */
	uint8_t arg;	 /* enum column_words or enum table_id */
};

/* A list of words; NULL ones do not occur. */
struct word_list {
	const char *const *words;
	uint32_t count;
};

/* A row of `terms`: the model says at the wait which terms are its. */
struct term_row {
	uint32_t wait;
	struct term term;
};

/* A row of `side_members`. */
struct side_row {
	uint32_t side, actor;
};

/* A row of `inlined`. */
struct inlined_row {
	uint32_t code;
	struct inlined inlined;
};

/* A row of `frames`. */
struct frame_row {
	uint32_t thread;
	struct frame frame;
};

/* A row of `kernel_frames`. */
struct kernel_row {
	uint32_t thread, text;
};

/* A row of `task_frames`. */
struct task_frame_row {
	uint32_t task;
	struct task_frame frame;
};

/* A row of `script_frames`. */
struct script_row {
	uint32_t thread;
	struct script_frame frame;
};

/* A row of `locals`: one of the two frames is set. */
struct local_row {
	uint32_t script_frame, task_frame;
	struct script_local local;
};

/* A row of `exceptions`: one of the two is set. */
struct exception_row {
	uint32_t thread, task;
	struct script_exception exception;
};

/* The rows of a capture: the model's own elements, and those that it keeps in another form. */
struct capture_rows {
	struct model *m;
	VEC(struct term_row) terms;
	VEC(struct side_row) side_members;
	VEC(struct inlined_row) inlined;
	VEC(struct frame_row) frames;
	VEC(struct kernel_row) kernel_frames;
	VEC(struct task_frame_row) task_frames;
	VEC(struct script_row) script_frames;
	VEC(struct local_row) locals;
	VEC(struct exception_row) exceptions;
};

/* Any vector of vec.h, which all have this layout. */
struct any_vec {
	void *at;
	uint32_t count, cap;
} __attribute__((may_alias));

struct table {
	const char *name;
	const struct column *columns;
	uint32_t column_count;
	uint32_t element; /* bytes of one */
	uint32_t offset;  /* of the vector, or of the only element */
	bool single;	  /* one row, which lies in the model itself */
	bool outside;	  /* offset is of struct capture_rows rather than struct model */
	uint32_t max;	  /* so many rows are taken from a file */
};

/* The tables, by enum table_id. */
extern const struct table capture_tables[TABLE_COUNT];

/* The words, by enum column_words. */
extern const struct word_list capture_words[WORDS_COUNT];

/* The vector of a table that is not single. */
struct any_vec *capture_vec(const struct capture_rows *rows, const struct table *t);

/* The member of a column in `row`, 8 bytes or less, as a number. */
uint64_t column_get(const struct column *c, const void *row);

/* Set it. */
void column_set(const struct column *c, void *row, uint64_t value);

/* Free the vectors, not the model. */
void capture_rows_release(struct capture_rows *rows);
DEFINE_PLACE_GUARD(capture_rows)
#define _cleanup_capture_rows_ _cleanup_(capture_rows_release_guard)
