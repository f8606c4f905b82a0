/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/unit_mirror.h"

#include <criterion/criterion.h>
#include <unistd.h>

void mirror_open(struct mirror *x)
{
	struct snag_error err = SNAG_ERROR_INIT;

	*x = (struct mirror){ .snap = snapshot_new(), .model = model_new() };
	x->all = runtimes_new();
	cr_assert_eq(maps_read(getpid(), false, &x->maps, &err), 0, "%s", err.text);
	x->process.tgid = getpid();
	x->process.in_tree = true;
	*vec_push(&x->snap->processes) = x->process;
	snapshot_index(x->snap);
	x->site = (struct runtime_site){ .all = x->all,
					 .snap = x->snap,
					 .model = x->model,
					 .process = &x->process,
					 .maps = x->maps };
}

void mirror_close(struct mirror *x)
{
	runtimes_free(x->all);
	maps_free(x->maps);
	model_free(x->model);
	snapshot_free(x->snap);
}

uint64_t mirror_at(const void *p)
{
	return (uint64_t)(uintptr_t)p;
}
