/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_mirror.h - this process as one that runtimes look at.
 */
#pragma once

#include "runtimes/runtime.h"

struct mirror {
	struct snapshot *snap;
	struct model *model;
	struct maps *maps;
	struct runtimes *all;
	struct snap_process process;
	struct runtime_site site; /* points at the others: do not copy the mirror */
};

/* The mappings are those of now. */
void mirror_open(struct mirror *x);

/* Free all that it holds. */
void mirror_close(struct mirror *x);

/* The address of something here. */
uint64_t mirror_at(const void *p);
