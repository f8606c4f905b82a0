/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h - lines of source of running programs, in the files as their processes see them.
 *
 *	why = source_line(s, &(struct source_place){ tgid, mnt_ns, start_ns, path, 12 }, &text);
 *	puts(why ? why : text);
 *
 * A file that was changed since its process began says nothing of what runs: then that is told
 * instead. Each file is opened once, and of each as much is read as one may have written by hand.
 */
#pragma once

#include "base/cleanup.h"

#include <stdint.h>

struct sources;

struct source_place {
	int32_t tgid;
	uint64_t mnt_ns;   /* its mount namespace: with that its root tells files apart */
	uint64_t start_ns; /* when it, or who it is a copy of, began: CLOCK_REALTIME */
	const char *path;  /* as it calls the file */
	uint32_t line;	   /* from 1 on */
};

/* No file yet. Never NULL. */
struct sources *sources_new(void);

/* Free it and its files. NULL is fine. */
void sources_free(struct sources *s);
DEFINE_GUARD(sources)
#define _cleanup_sources_ _cleanup_(sources_free_guard)

/*
 * NULL, and *text is the line without what is white around it, cut, borrowed until the next call.
 * Otherwise why not, a static text.
 */
const char *source_line(struct sources *s, const struct source_place *place, const char **text);
