/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grove.h - hangs on demand of the actor runtime in tests/runtime/, each on every spawn backend.
 *
 * The matrix comes from `grove-tree --list-faults`: a fault or a backend that is added there is
 * here, as grove/FAULT@BACKEND. What snag has to say about a fault stands in a row; who waits for
 * whom in that very tree is told by its truth log (tests/runtime/fault/faults.h).
 *
 *	HANGS({ .fault = "captured-stdout", .verdict = "deadlock", .reason = "not-reading" });
 */
#pragma once

#include "lib/scenario.h"

struct hang {
	const char *fault;	 /* NULL ends the list */
	const char *verdict;	 /* several with | between: any of them is right */
	const char *reason;	 /* for truth_culprit(), or NULL */
	const char *findings[2]; /* that must be there, of any actor; or NULL */
	const char *unseen;	 /* why snag cannot know it yet, or NULL */
	/* The same when all actors are threads of one process, where the kernel shows less. */
	const char *unseen_hosted;
	bool moving; /* see struct scenario; its threads need not be blocked */
};

/* Constructor use only: rows for the matrix, ended by one without a fault. */
void hangs_add(const struct hang *rows);

/* A constructor that adds rows; at most once a file. */
#define HANGS(...)                                                                                 \
	__attribute__((constructor)) static void hangs_of_this_file(void)                          \
	{                                                                                          \
		static const struct hang rows[] = { __VA_ARGS__, { .fault = NULL } };              \
		hangs_add(rows);                                                                   \
	}
