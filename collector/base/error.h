/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.h - a number for the program, one line for the person.
 *
 * A fallible function returns 0 or -errno and writes one line into the caller's struct snag_error.
 * The line grows at its front on the way up. Nothing is allocated.
 *
 *	rc = maps_read(proc, &maps, err);
 *	if (rc < 0)
 *		return error_at(err, rc, "reading the maps of tid %d", tid);
 */
#pragma once

#define SNAG_MUST_CHECK __attribute__((warn_unused_result))

struct snag_error {
	char text[512]; /* one line, no newline, always terminated; longer ones are cut */
};

/* An empty error. */
#define SNAG_ERROR_INIT                                                                            \
	{                                                                                          \
		.text = ""                                                                         \
	}

/* Set the line and return `rc`. `%m` is strerror(-rc). `err` may be NULL. */
__attribute__((format(printf, 3, 4))) int error_set(struct snag_error *err, int rc, const char *fmt,
						    ...);

/* Put "text: " in front of the line and return `rc`. `err` may be NULL. */
__attribute__((format(printf, 3, 4))) int error_at(struct snag_error *err, int rc, const char *fmt,
						   ...);
