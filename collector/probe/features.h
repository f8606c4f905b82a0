/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * features.h - what this kernel and this user allow snag to see: the table behind `snag doctor`.
 *
 * Each row is found out by doing the thing once, on snag itself; no version number is looked at.
 * Nothing stays behind, no other process is touched.
 *
 *	for (size_t i = 0; i < feature_count; i++) {
 *		struct feature_state state;
 *
 *		feature_try(&features[i], &state);
 *	}
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct feature_state {
	bool there;
	char note[256]; /* why not, never empty then; else what was seen, may be empty */
};

struct feature {
	const char *name;			      /* one word, unique */
	const char *gives;			      /* what snag knows with it */
	const char *cost;			      /* what is not known without it */
	const char *remedy;			      /* how to get it */
	bool (*attempt)(struct feature_state *state); /* see feature_try() */
};

/* All rows. */
extern const struct feature features[];
extern const size_t feature_count;

/* Try one. What cannot be tried is not there, and the note says why. */
void feature_try(const struct feature *f, struct feature_state *state);
