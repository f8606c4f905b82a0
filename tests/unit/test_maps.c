/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/maps.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char TEXT[] =
	"00400000-00401000 r-xp 00002000 fe:00 1234                               /usr/bin/a b\n"
	"00600000-00602000 rw-p 00000000 00:00 0 \n"
	"7f0000000000-7f0000010000 rw-s 00010000 00:01 77               /dev/zero (deleted)\n"
	"7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

static const char *path(const struct maps *m, uint32_t i)
{
	return strtab_get(m->strings, m->areas[i].path);
}

Test(maps, reads_each_area)
{
	_cleanup_maps_ struct maps *m = maps_parse(TEXT);

	cr_assert_eq(m->count, 5);
	cr_assert_eq(m->areas[0].start, 0x400000);
	cr_assert_eq(m->areas[0].end, 0x401000);
	cr_assert_eq(m->areas[0].offset, 0x2000);
	cr_assert_eq(m->areas[0].dev, makedev(0xfe, 0));
	cr_assert_eq(m->areas[0].ino, 1234);
	cr_assert(m->areas[0].read && m->areas[0].exec);
	cr_assert_not(m->areas[0].write || m->areas[0].shared);
	cr_assert_str_eq(path(m, 0), "/usr/bin/a b");
	cr_assert_eq(m->areas[1].path, 0);
	cr_assert_eq(m->areas[1].dev, 0);
	cr_assert(m->areas[2].shared);
	cr_assert_str_eq(path(m, 2), "/dev/zero (deleted)");
	cr_assert_str_eq(path(m, 3), "[stack]");
	cr_assert_not(m->areas[4].read);
	cr_assert_eq(m->areas[4].end, 0xffffffffff601000);
}

Test(maps, find_knows_edges_and_holes)
{
	_cleanup_maps_ struct maps *m = maps_parse(TEXT), *none = maps_parse("");

	cr_assert_eq(maps_find(m, 0x400000), &m->areas[0]);
	cr_assert_eq(maps_find(m, 0x400fff), &m->areas[0]);
	cr_assert_null(maps_find(m, 0x401000));
	cr_assert_null(maps_find(m, 0));
	cr_assert_null(maps_find(m, UINT64_MAX));
	cr_assert_eq(maps_find(m, 0x7ffd00020fff), &m->areas[3]);
	cr_assert_null(maps_find(none, 0x400000));
}

Test(maps, every_cut_is_read_or_left_out)
{
	for (size_t n = 0; n < sizeof(TEXT); n++) {
		_cleanup_free_ char *cut = strndup(TEXT, n);
		_cleanup_maps_ struct maps *m = maps_parse(cut);

		cr_assert_leq(m->count, 5);
	}
}

Test(maps, broken_lines_are_left_out)
{
	_cleanup_maps_ struct maps *m = maps_parse(
		"\n-\n1000-2000\n1000-2000 rw-p\n1000-2000 rw-q 0 0:0 0\n2000-1000 rw-p 0 0:0 0\n"
		"1000-1000 rw-p 0 0:0 0\n11112222333344445-2000 rw-p 0 0:0 0\n"
		"1000-2000 rw-p 0 0:0\n"
		"1000-2000 rw-pp 0 0:0 0\n1000-2000 rw-p 0 0:0 x\n"
		"5000-6000 rw-p 0 0:0 0\n3000-4000 rw-p 0 0:0 0 /out of order\n"
		"5800-7000 rw-p 0 0:0 0 /overlaps\n");

	cr_assert_eq(m->count, 1);
	cr_assert_eq(m->areas[0].start, 0x5000);
}

Test(maps, our_own)
{
	char *shared = mmap(NULL, 8192, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(shared, MAP_FAILED);
	for (int suspicious = 0; suspicious < 2; suspicious++) {
		_cleanup_maps_ struct maps *m = NULL;
		const struct map_area *a;

		cr_assert_eq(maps_read(getpid(), suspicious, &m, NULL), 0);
		a = maps_find(m, (uintptr_t)shared + 5000);
		cr_assert_not_null(a);
		cr_assert(a->shared && a->read && !a->write);
		cr_assert_neq(a->ino, 0);
		a = maps_find(m, (uintptr_t)TEXT);
		cr_assert_not_null(a);
		cr_assert_not(a->shared);
	}
}

Test(maps, of_a_process_that_is_gone)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct maps *m = NULL;

	cr_assert_eq(maps_read(2000000000, false, &m, &err), -ESRCH);
	cr_assert_str_eq(err.text, "/proc/2000000000/maps: No such process");
	cr_assert_eq(maps_read(2000000000, true, &m, &err), -ESRCH);
	cr_assert_null(m);
}

Test(maps, one_area_is_what_the_whole_file_says)
{
	const uint64_t addrs[] = { (uintptr_t)TEXT, (uintptr_t)&errno, (uintptr_t)maps_query, 0 };
	_cleanup_close_ int fd = maps_open(getpid());
	struct map_area area;
	char name[4096];

	cr_assert_geq(fd, 0);
	if (maps_query(fd, (uintptr_t)TEXT, &area, NULL, 0) == -ENOTTY)
		cr_skip_test("this kernel has no PROCMAP_QUERY");
	for (size_t i = 0; i < sizeof(addrs) / sizeof(*addrs); i++) {
		_cleanup_maps_ struct maps *m = NULL;
		const struct map_area *a;

		cr_assert_eq(maps_read(getpid(), false, &m, NULL), 0);
		a = maps_find(m, addrs[i]);
		cr_assert_eq(maps_query(fd, addrs[i], &area, name, sizeof(name)), a != NULL);
		if (!a)
			continue;
		cr_expect(area.start == a->start && area.end == a->end &&
			  area.offset == a->offset && area.dev == a->dev && area.ino == a->ino);
		cr_expect(area.read == a->read && area.write == a->write && area.exec == a->exec &&
			  area.shared == a->shared);
		cr_expect_str_eq(name, a->path ? strtab_get(m->strings, a->path) : "");
	}
	cr_expect_eq(maps_open(2000000000), -ENOENT);
}
