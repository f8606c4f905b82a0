/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/proc/locks.h"

#include "lib/unit_child.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char TEXT[] = "1: POSIX  ADVISORY  READ  11 fe:01:100 128 191\n"
			   "2: FLOCK  ADVISORY  WRITE 22 00:2d:4294967297 0 EOF\n"
			   "2: -> FLOCK  ADVISORY  WRITE 23 00:2d:4294967297 0 EOF\n"
			   "2:  -> FLOCK  ADVISORY  READ  24 00:2d:4294967297 0 EOF\n"
			   "3: OFDLCK ADVISORY  WRITE -1 08:01:7 0 0\n"
			   "4: LEASE  BREAKING  READ  44 08:01:3 0 EOF\n"
			   "5: DELEG  ACTIVE    READ  45 08:01:4 0 EOF\n";

Test(locks, reads_each_line)
{
	_cleanup_file_locks_ struct file_locks *l = file_locks_parse(TEXT);

	cr_assert_eq(l->count, 7);
	cr_assert_eq(l->at[0].type, LOCK_POSIX);
	cr_assert_not(l->at[0].write);
	cr_assert_eq(l->at[0].pid, 11);
	cr_assert_eq(l->at[0].dev, makedev(0xfe, 1));
	cr_assert_eq(l->at[0].ino, 100);
	cr_assert_eq(l->at[0].start, 128);
	cr_assert_eq(l->at[0].end, 191);
	cr_assert_eq(l->at[1].type, LOCK_FLOCK);
	cr_assert(l->at[1].write && !l->at[1].waiter);
	cr_assert_eq(l->at[1].ino, 4294967297ull);
	cr_assert_eq(l->at[1].end, UINT64_MAX);
	cr_assert(l->at[2].waiter && l->at[2].group == 2);
	cr_assert(l->at[3].waiter && l->at[3].pid == 24, "a waiter behind a waiter");
	cr_assert_eq(l->at[4].type, LOCK_OFD);
	cr_assert_eq(l->at[4].pid, -1);
	cr_assert_eq(l->at[5].type, LOCK_LEASE);
	cr_assert(l->at[5].breaking);
	cr_assert_not(l->at[6].breaking);
}

Test(locks, every_cut_is_read_or_left_out)
{
	for (size_t n = 0; n < sizeof(TEXT); n++) {
		_cleanup_free_ char *cut = strndup(TEXT, n);
		_cleanup_file_locks_ struct file_locks *l = file_locks_parse(cut);

		cr_assert_leq(l->count, 7);
	}
}

Test(locks, broken_lines_are_left_out)
{
	_cleanup_file_locks_ struct file_locks *l = file_locks_parse(
		"\n:\n1:\n1: ->\n1: -> ->\nx: FLOCK  ADVISORY  WRITE 22 00:2d:1 0 EOF\n"
		"1: FLOCK  WRITE 22 00:2d:1 0 EOF\n1: CLOCK  ADVISORY  WRITE 22 00:2d:1 0 EOF\n"
		"1: POSIX  *NOINODE* WRITE 22 <none>:0 0 EOF\n"
		"1: POSIX  ADVISORY  WRITE 22 <none>:0 0 EOF\n"
		"1: POSIX  ADVISORY  WRITE 99999999999 00:2d:1 0 EOF\n"
		"1: POSIX  ADVISORY  WRITE 22 00:2d 0 EOF\n"
		"1: POSIX  ADVISORY  WRITE 22 00:2d:\n"
		"99999999999999999999: POSIX  ADVISORY  WRITE 22 00:2d:1 0 EOF\n");

	cr_assert_eq(l->count, 0);
}

static void wait_flock(void *arg)
{
	int fd = open(arg, O_RDWR | O_CLOEXEC);

	flock(fd, LOCK_EX);
}

static void keep(void *arg)
{
	(void)arg;
	pause();
}

/* The lock on the inode of `st`, a waiter or not; NULL. */
static const struct file_lock *find(const struct file_locks *l, const struct stat *st, bool waiter)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (l->at[i].ino == st->st_ino && l->at[i].dev == st->st_dev &&
		    l->at[i].waiter == waiter)
			return &l->at[i];
	return NULL;
}

Test(locks, a_live_flock_with_a_waiter_and_an_heir)
{
	_cleanup_file_locks_ struct file_locks *l = NULL;
	char path[] = "/tmp/snag-lock-XXXXXX";
	int fd = mkstemp(path), other = open(path, O_RDONLY | O_CLOEXEC);
	const struct file_lock *held, *waits;
	int32_t waiter, heir;
	struct stat st;

	cr_assert_geq(fd, 0);
	cr_assert_eq(fstat(fd, &st), 0);
	cr_assert_eq(flock(fd, LOCK_EX), 0);
	heir = child_start(keep, NULL);
	waiter = child_start(wait_flock, path);
	child_wait_syscall(waiter, waiter, SYS_flock);
	cr_assert_eq(file_locks_read(&l, NULL), 0);
	held = find(l, &st, false);
	waits = find(l, &st, true);
	unlink(path);
	cr_assert_not_null(held);
	cr_assert_not_null(waits);
	cr_assert_eq(held->pid, getpid());
	cr_assert_eq(waits->pid, waiter);
	cr_assert_eq(waits->group, held->group);
	cr_assert(file_locks_held(getpid(), fd, LOCK_FLOCK));
	cr_assert(file_locks_held(heir, fd, LOCK_FLOCK), "it shares the open file");
	cr_assert_not(file_locks_held(getpid(), other, LOCK_FLOCK));
	cr_assert_not(file_locks_held(getpid(), fd, LOCK_POSIX));
	cr_assert_not(file_locks_held(getpid(), 9999, LOCK_FLOCK));
	child_end(waiter);
	child_end(heir);
}
