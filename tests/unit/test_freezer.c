/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/freezer.h"

#include "base/alloc.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder that plays both hierarchies. */
static char top[64];

static void put(const char *cgroup, const char *file, const char *text)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", top, cgroup);
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);
	_cleanup_close_ int fd = -1;

	mkdir(dir, 0700);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void make(void)
{
	strcpy(top, "/tmp/snag-freezer-XXXXXX");
	cr_assert_not_null(mkdtemp(top));
	put("v2", "cgroup.events", "populated 1\nfrozen 1\n");
	put("thawed", "cgroup.events", "populated 1\nfrozen 0\n");
	put("v1", "freezer.state", "FROZEN\n");
	put("half", "freezer.state", "FREEZING\n");
	put("warm", "freezer.state", "THAWED\n");
}

static int delete (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void clear(void)
{
	nftw(top, delete, 8, FTW_DEPTH | FTW_PHYS);
}

static bool frozen(const char *root, const char *cgroup)
{
	_cleanup_free_ char *info = xasprintf("1 0 0:1 %s %s rw - cgroup2 none rw\n"
					      "2 0 0:2 / %s rw - cgroup none rw,cpuset,freezer\n",
					      root, top, top);
	_cleanup_freezer_ struct freezer *f = freezer_new_from(info);
	bool first = freezer_is_frozen(f, cgroup);

	cr_assert_eq(freezer_is_frozen(f, cgroup), first, "remembered");
	return first;
}

Test(freezer, version_two, .init = make, .fini = clear)
{
	cr_assert(frozen("/", "0::/v2"));
	cr_assert_not(frozen("/", "0::/thawed"));
	cr_assert_not(frozen("/", "0::/"));
	cr_assert_not(frozen("/", "0::/nothing"));
}

Test(freezer, version_one, .init = make, .fini = clear)
{
	cr_assert(frozen("/", "3:cpuset,freezer:/v1\n0::/thawed"));
	cr_assert(frozen("/", "3:freezer:/half\n0::/"));
	cr_assert_not(frozen("/", "3:freezer:/warm\n0::/"));
	cr_assert_not(frozen("/", "3:cpu:/v1\n0::/"));
}

Test(freezer, a_mount_that_shows_a_part, .init = make, .fini = clear)
{
	cr_assert(frozen("/box", "0::/box/v2"));
	cr_assert_not(frozen("/box", "0::/v2"));
}

Test(freezer, not_mounted_or_broken)
{
	_cleanup_freezer_ struct freezer *f = freezer_new_from("nonsense\n");

	cr_assert_not(freezer_is_frozen(f, "0::/v2"));
	cr_assert_not(freezer_is_frozen(f, ""));
	cr_assert_not(freezer_is_frozen(f, "\n:\n::\n:::\n0:freezer"));
}

Test(freezer, we_are_not_frozen)
{
	_cleanup_freezer_ struct freezer *f = freezer_new();

	cr_assert_not(freezer_is_frozen(f, "0::/"));
}
