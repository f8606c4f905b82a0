/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * help_core.c - run a loop and look at what is left of it.
 */
#include "runtime/test/help_core.h"

#include <criterion/criterion.h>

#include <dirent.h>

int core_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	int count = 0;

	cr_assert_not_null(dir, "%s: %m", folder);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

void core_clean(void)
{
	const char *left = help_left(HELP_THREADS | HELP_FDS, HELP_LONG);

	cr_assert_null(left, "%s", left);
}

static int run(grove_task_fn *fn, void *arg, const struct grove_run_opts *opts)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;
	int rc = grove_run(fn, arg, opts, &err);

	core_clean();
	return rc;
}

int core_run(grove_task_fn *fn, void *arg)
{
	return run(fn, arg, NULL);
}

int core_run_shuffled(grove_task_fn *fn, void *arg, uint64_t seed)
{
	const struct grove_run_opts opts = { .name = "shuffled", .shuffle_seed = seed };

	return run(fn, arg, &opts);
}
