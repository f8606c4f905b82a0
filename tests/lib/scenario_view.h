/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scenario_view.h - what `snag stacks` must say of a scenario's tree.
 *
 * Asked with each reader and of the capture, as a page, as JSON and as folded lines.
 */
#pragma once

#include "lib/scenario.h"

#include <jansson.h>

struct strbuf;

/*
 * Thread `tid` (0: the first) of `pid` waits in these functions, "main > run > read", from the
 * outside in; others may stand between.
 */
void truth_calls(pid_t pid, pid_t tid, const char *calls);

/* These words are on the page, in the order in which they are stated. */
void truth_prints(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* For the runner: whom to ask for what. */
struct view_ask {
	const char *snag, *target;
	const char *reader; /* NULL: `target` is a capture */
	const char *dir;    /* of the scenario */
	const json_t *schema;
};

/*
 * Compare; a line for each difference is appended to `why`. True when there is none, as when
 * nothing was stated.
 */
bool views_check(const struct view_ask *ask, struct strbuf *why);
