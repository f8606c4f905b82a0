/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/mounts.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char TEXT[] =
	"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	"36 22 0:31 /sub /mnt/a\\040b rw shared:7 master:2 - fuse.sshfs host:/x rw,user_id=0\n"
	"37 22 0:32 / /run rw - tmpfs tmpfs\n";

Test(mounts, reads_each_line)
{
	_cleanup_mounts_ struct mounts *m = mounts_parse(TEXT);

	cr_assert_eq(m->count, 3);
	cr_assert_eq(m->at[1].id, 36);
	cr_assert_eq(m->at[1].dev, makedev(0, 31));
	cr_assert_str_eq(m->at[1].root, "/sub");
	cr_assert_str_eq(m->at[1].point, "/mnt/a b");
	cr_assert_str_eq(m->at[1].type, "fuse.sshfs");
	cr_assert_str_eq(m->at[1].options, "rw,user_id=0");
	cr_assert_str_eq(m->at[2].options, "");
	cr_assert_str_eq(mounts_find(m, makedev(254, 0))->type, "ext4");
	cr_assert_null(mounts_find(m, 12345));
}

Test(mounts, every_cut_is_read_or_left_out)
{
	for (size_t n = 0; n < sizeof(TEXT); n++) {
		_cleanup_free_ char *cut = strndup(TEXT, n);
		_cleanup_mounts_ struct mounts *m = mounts_parse(cut);

		cr_assert_leq(m->count, 3);
		for (uint32_t i = 0; i < m->count; i++)
			cr_assert(m->at[i].type && m->at[i].root && m->at[i].point);
	}
}

Test(mounts, broken_lines_are_left_out)
{
	_cleanup_mounts_ struct mounts *m = mounts_parse(
		"\n\n - - - - - - - -\nx 1 0:1 / / rw - t s o\n1 2 0-1 / / rw - t s o\n"
		"1 2 0:1 / / rw t s o\n1 2 0:1 / / rw -\n7 2 0:1 / \\9\\ rw - t s o\n");

	cr_assert_eq(m->count, 1);
	cr_assert_eq(m->at[0].id, 7);
	cr_assert_str_eq(m->at[0].point, "\\9\\");
}

Test(mounts, our_own)
{
	_cleanup_mounts_ struct mounts *m = mounts_read(0);
	struct stat st;

	cr_assert_eq(stat("/proc", &st), 0);
	cr_assert_str_eq(mounts_find(m, st.st_dev)->type, "proc");
}

Test(mounts, of_nobody)
{
	_cleanup_mounts_ struct mounts *m = mounts_read(2000000000);

	cr_assert_eq(m->count, 0);
}

Test(mounts, what_asks_a_server_is_slow)
{
	cr_assert(mounts_is_slow("nfs4"));
	cr_assert(mounts_is_slow("fuse"));
	cr_assert(mounts_is_slow("fuse.sshfs"));
	cr_assert(mounts_is_slow("something new"));
	cr_assert_not(mounts_is_slow("ext4"));
	cr_assert_not(mounts_is_slow("tmpfs"));
	cr_assert_not(mounts_is_slow("overlay"));
}
