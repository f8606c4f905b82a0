/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/features.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const struct feature *find(const char *name)
{
	for (size_t i = 0; i < feature_count; i++)
		if (!strcmp(features[i].name, name))
			return &features[i];
	cr_assert_fail("no feature %s", name);
	return NULL;
}

static bool there(const char *name)
{
	struct feature_state state;

	feature_try(find(name), &state);
	return state.there;
}

Test(features, each_row_is_whole)
{
	for (size_t i = 0; i < feature_count; i++) {
		cr_assert(*features[i].gives && *features[i].cost && *features[i].remedy);
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(features[i].name, features[k].name);
	}
}

static int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	cr_assert_not_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

Test(features, trying_leaves_nothing_open)
{
	struct feature_state state;
	int before;

	/* libbpf keeps what it learned about the kernel: from the second time on nothing is new */
	for (size_t i = 0; i < feature_count; i++)
		feature_try(&features[i], &state);
	before = open_files();
	for (size_t i = 0; i < feature_count; i++)
		feature_try(&features[i], &state);
	cr_assert_eq(open_files(), before);
}

/* Without descriptors nothing can be opened, and whatever needs one must say that it is not there.
 */
Test(features, what_cannot_be_tried_is_lacking_and_says_why)
{
	static const char *const names[] = { "bpf",	    "system-calls", "unix-diag",
					     "epoll-items", "file-locks",   "cgroups" };
	struct feature_state states[6];
	struct rlimit old;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 3, old.rlim_max }), 0);
	for (int i = 0; i < 6; i++)
		feature_try(find(names[i]), &states[i]);
	setrlimit(RLIMIT_NOFILE, &old);
	for (int i = 0; i < 6; i++) {
		cr_assert_not(states[i].there, "%s", names[i]);
		cr_assert(states[i].note[0], "%s", names[i]);
	}
}

/* On a kernel that these tests run on at all the plain ones are there. */
Test(features, plain_ones)
{
	cr_assert(there("epoll-items"));
	cr_assert(there("memory"));
	cr_assert(there("unix-diag"));
}

Test(features, privileges_go_with_the_capability)
{
	if (geteuid() != 0)
		cr_skip_test("to give up root it takes root");
	cr_assert(there("other-users"));
	cr_assert_eq(setresuid(65534, 65534, 65534), 0);
	cr_assert_not(there("other-users"));
	cr_assert_not(there("net-namespaces"));
	cr_assert_not(there("bpf"));
}
