/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freezer.h - is a cgroup frozen? Version 2 says so in cgroup.events, version 1 in freezer.state.
 */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>

struct freezer;

/* Finds where the hierarchies are mounted; remembers the answers. Never NULL. */
struct freezer *freezer_new(void);

/* Free it. NULL is fine. */
void freezer_free(struct freezer *f);
DEFINE_GUARD(freezer)
#define _cleanup_freezer_ _cleanup_(freezer_free_guard)

/*
 * Is the cgroup frozen that `cgroup`, the text of a /proc/P/cgroup file, names? False also if not
 * known.
 */
bool freezer_is_frozen(struct freezer *f, const char *cgroup);

/* For tests: as freezer_new(), with the text of a mountinfo file instead of this process's own. */
struct freezer *freezer_new_from(const char *mountinfo);
