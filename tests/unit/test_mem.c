/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/mem.h"

#include "lib/unit_child.h"
#include "lib/unit_fuse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_for_ever(void *arg)
{
	(void)arg;
	pause();
}

static char *map_pages(int count, int flags)
{
	char *at = mmap(NULL, (size_t)count * 4096, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS,
			-1, 0);

	cr_assert_neq(at, MAP_FAILED);
	return at;
}

static int read_child(int32_t tgid, bool suspicious, const void *at, void *buf, size_t len)
{
	_cleanup_mem_ struct mem *m = mem_new(tgid, suspicious);

	return mem_read(m, (uintptr_t)at, buf, len);
}

Test(mem, reads_across_pages)
{
	char *at = map_pages(3, MAP_PRIVATE), buf[8200];
	int32_t tgid;

	for (int i = 0; i < 3 * 4096; i++)
		at[i] = (char)(i * 7);
	tgid = child_start(wait_for_ever, NULL);
	child_wait_syscall(tgid, tgid, SYS_pause);
	for (int suspicious = 0; suspicious < 2; suspicious++) {
		cr_assert_eq(read_child(tgid, suspicious, at + 4000, buf, sizeof(buf)), 0);
		cr_assert_arr_eq(buf, at + 4000, sizeof(buf));
	}
	child_end(tgid);
}

Test(mem, a_page_that_was_never_touched)
{
	char *at = map_pages(1, MAP_PRIVATE), buf[16] = "x";
	int32_t tgid = child_start(wait_for_ever, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	cr_assert_eq(read_child(tgid, false, at, buf, sizeof(buf)), 0);
	cr_assert_eq(buf[0], 0);
	child_end(tgid);
}

Test(mem, what_is_present_is_read_at_once_and_nothing_else)
{
	char *at = map_pages(2, MAP_PRIVATE), buf[16];
	struct mem *m, *suspicious;

	at[0] = 1;
	m = mem_new(getpid(), false);
	suspicious = mem_new(getpid(), true);
	cr_assert_eq(mem_read_present(m, (uintptr_t)at, buf, sizeof(buf)), 0);
	cr_assert_eq(buf[0], 1);
	cr_assert_eq(mem_read_present(m, (uintptr_t)at + 4096, buf, sizeof(buf)), -EAGAIN);
	cr_assert_eq(mem_read_present(m, (uintptr_t)at + 4090, buf, sizeof(buf)), -EAGAIN);
	cr_assert_eq(mem_read_present(suspicious, (uintptr_t)at, buf, sizeof(buf)), -EAGAIN);
	cr_assert_eq(mem_read(m, (uintptr_t)at + 4096, buf, sizeof(buf)), 0);
	mem_free(m);
	mem_free(suspicious);
}

Test(mem, refuses_what_is_not_there)
{
	char *at = map_pages(2, MAP_PRIVATE), buf[64];
	int32_t tgid;

	at[0] = 1;
	munmap(at + 4096, 4096);
	tgid = child_start(wait_for_ever, NULL);
	child_wait_syscall(tgid, tgid, SYS_pause);
	cr_assert_eq(read_child(tgid, false, at + 4090, buf, 16), -EFAULT);
	cr_assert_eq(read_child(tgid, false, NULL, buf, 16), -EFAULT);
	cr_assert_eq(read_child(tgid, true, NULL, buf, 16), -EFAULT);
	cr_assert_eq(read_child(tgid, false, (void *)UINTPTR_MAX, buf, 16), -EFAULT);
	cr_assert_eq(read_child(tgid, false, (void *)(UINTPTR_MAX - 4), buf, 64), -EFAULT);
	cr_assert_eq(read_child(tgid, false, at + 4090, buf, 0), 0);
	child_end(tgid);
	cr_assert_eq(read_child(tgid, false, at, buf, 16), -ESRCH);
}

/* Registers the page with a userfaultfd that nobody serves. */
static void serve_no_fault(void *at)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .range = { (uintptr_t)at, 4096 },
				       .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &reg) < 0)
		return;
	pause();
}

Test(mem, a_page_that_never_comes)
{
	char *at = map_pages(1, MAP_PRIVATE), buf[16];
	int probe = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct timespec a, b;
	struct mem *m;
	int32_t tgid;

	if (probe < 0)
		cr_skip_test("userfaultfd: %s", strerror(errno));
	close(probe);
	tgid = child_start(serve_no_fault, at);
	child_wait_syscall(tgid, tgid, SYS_pause);
	clock_gettime(CLOCK_MONOTONIC, &a);
	m = mem_new(tgid, false);
	for (int i = 0; i < 20; i++) /* the second time it is known, and costs nothing */
		cr_assert_eq(mem_read(m, (uintptr_t)at, buf, sizeof(buf)), -ETIMEDOUT);
	mem_free(m);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_assert_lt(b.tv_sec - a.tv_sec, 4);
	child_end(tgid);
}

Test(mem, keeps_the_page_until_it_is_freed)
{
	int *word = (int *)map_pages(1, MAP_SHARED), seen;
	struct mem *m;

	*word = 1;
	m = mem_new(getpid(), false);
	cr_assert_eq(mem_read(m, (uintptr_t)word, &seen, sizeof(seen)), 0);
	cr_assert_eq(seen, 1);
	*word = 2;
	cr_assert_eq(mem_read(m, (uintptr_t)word, &seen, sizeof(seen)), 0);
	cr_assert_eq(seen, 1, "one collect sees one value");
	mem_free(m);
	m = mem_new(getpid(), false);
	cr_assert_eq(mem_read(m, (uintptr_t)word, &seen, sizeof(seen)), 0);
	cr_assert_eq(seen, 2);
	mem_free(m);
}

/* Maps the file "f" of the folder and says where. */
static int told[2];

static void map_file(void *arg)
{
	char path[64];
	void *at;
	int fd;

	snprintf(path, sizeof(path), "%s/f", (const char *)arg);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	if (fd < 0 || at == MAP_FAILED || write(told[1], &at, sizeof(at)) != sizeof(at))
		return;
	pause();
}

/*
 * A fault on it could not even be killed: snag would never be gone. So the page is not asked for,
 * and there is no worker that waits for it: FUSE's server would have been asked to read.
 */
Test(mem, a_page_of_a_file_system_that_hangs)
{
	char dir[] = "/tmp/snag-fuse-XXXXXX", buf[16];
	struct timespec a, b;
	int32_t server, tgid;
	void *at;

	cr_assert_not_null(mkdtemp(dir));
	if (!fuse_mount(dir, &server)) {
		rmdir(dir);
		cr_skip_test("FUSE: %s", strerror(errno));
	}
	cr_assert_eq(pipe(told), 0);
	tgid = child_start(map_file, dir);
	cr_assert_eq(read(told[0], &at, sizeof(at)), (ssize_t)sizeof(at));
	child_wait_syscall(tgid, tgid, SYS_pause);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int suspicious = 0; suspicious < 2; suspicious++)
		cr_assert_eq(read_child(tgid, suspicious, at, buf, sizeof(buf)), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &b);
	cr_assert_lt((b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000, 1000);
	child_wait_syscall(server, server, SYS_read);
	child_end(server);
	child_end(tgid);
	rmdir(dir);
}

/* Many pages, far apart and side by side, of which every third was never touched. */
Test(mem, many_pages_at_once)
{
	enum { PAGES = 200, HOLE = 100 };
	static uint8_t bytes[PAGES + 1][MEM_PAGE];
	char *at = map_pages(2 * PAGES, MAP_PRIVATE);
	uint64_t pages[PAGES + 1];
	uint8_t *bufs[PAGES + 1];
	bool got[PAGES + 1];
	struct mem *m;
	int32_t tgid;

	for (int i = 0; i < PAGES; i++) {
		int page = i < 150 ? i : i + 200;

		pages[i] = (uintptr_t)at + (uint64_t)page * MEM_PAGE;
		if (i % 3)
			at[page * MEM_PAGE + 7] = (char)i;
		bufs[i] = bytes[i];
	}
	/* and one that is not mapped */
	cr_assert_eq(munmap(at + HOLE * MEM_PAGE, MEM_PAGE), 0);
	pages[PAGES] = 1ull << 55;
	bufs[PAGES] = bytes[PAGES];
	tgid = child_start(wait_for_ever, NULL);
	child_wait_syscall(tgid, tgid, SYS_pause);
	m = mem_new(tgid, false);
	mem_read_pages(m, pages, PAGES + 1, bufs, got);
	for (int i = 0; i < PAGES; i++) {
		cr_expect_eq(got[i], i % 3 && i != HOLE, "page %d", i);
		cr_expect(!got[i] || bytes[i][7] == (uint8_t)i, "page %d", i);
	}
	cr_expect_not(got[PAGES]);
	mem_read_pages(m, pages, 0, bufs, got);
	mem_free(m);
	m = mem_new(tgid, true);
	mem_read_pages(m, pages, PAGES, bufs, got);
	for (int i = 0; i < PAGES; i++)
		cr_expect_not(got[i], "nothing at once of a process that may be stuck");
	mem_free(m);
	child_end(tgid);
}
