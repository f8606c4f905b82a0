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

/* Each test is a process of its own: what it has before its first loop is criterion's. */
static int fds_at_start = -1, threads_at_start = -1;

void core_remember(void)
{
	if (fds_at_start >= 0)
		return;
	fds_at_start = core_entries("/proc/self/fd");
	threads_at_start = core_entries("/proc/self/task");
}

enum { GONE_MS = 5000 };

void core_clean(void)
{
	cr_assert_geq(fds_at_start, 0, "core_remember() was not called");
	/*
	 * A joined thread stands in /proc for a moment after it told its end
	 * (CLONE_CHILD_CLEARTID).
	 */
	for (int ms = 0; core_entries("/proc/self/task") > threads_at_start && ms < GONE_MS; ms++)
		usleep(1000);
	cr_assert_eq(core_entries("/proc/self/task"), threads_at_start, "threads are left");
	cr_assert_eq(core_entries("/proc/self/fd"), fds_at_start, "descriptors are left");
}

static int run(grove_task_fn *fn, void *arg, const struct grove_run_opts *opts)
{
	_grove_error_ struct grove_error err = GROVE_ERROR_INIT;

	core_remember();
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
