/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flock, record locks, locks of open file descriptions, leases. snag must find who truly holds a
 * lock: not the pid that /proc/locks prints, which is that of the creator, but whoever has the open
 * file description.
 */
#include "lib/scenario.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *lock_path(void)
{
	return text("%s/lock", scenario_dir());
}

static int open_file(void)
{
	return (int)must(open(lock_path(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

static const char *key_of(const char *kind, int fd)
{
	struct stat st;

	must(fstat(fd, &st));
	return text("%s:[%u:%u:%lu]", kind, major(st.st_dev), minor(st.st_dev),
		    (unsigned long)st.st_ino);
}

/* ---- flock ------------------------------------------------------------------------------------
 */

SCENARIO(flock_parent, .what = "a child waits for a lock of its parent, which waits for the child")
{
	int fd = open_file();

	must(flock(fd, LOCK_EX));
	/* A copy of the description would hold the lock as well: the child is a program of its own.
	 */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	pid_t child = spawn_program(
		(char *[]){ (char *)"flock", (char *)lock_path(), (char *)"true", NULL });
	wait_blocked(child, 0);
	truth_verdict("deadlock", "proven");
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "flock", key_of("flock", fd), getpid());
	truth_ready();
	waitpid(child, NULL, 0);
}

static void flock_and_hang(void *arg)
{
	must(flock(open_file(), *(int *)arg));
	hang_dead(NULL);
}

static void flock_and_sleep(void *arg)
{
	must(flock(open_file(), *(int *)arg));
	sleep(100000);
}

static void flock_and_leave_heir(void *heir)
{
	must(flock(open_file(), LOCK_EX));
	*(volatile pid_t *)heir = spawn_child(hang_dead, NULL);
	wait_blocked(*(volatile pid_t *)heir, 0);
}

/* /proc/locks names a process that is no more. */
SCENARIO(flock_heir, .what = "a lock whose creator is gone and whose heir can never go on")
{
	volatile pid_t *heir = shared_page();
	pid_t creator = spawn_child(flock_and_leave_heir, (void *)heir);

	waitpid(creator, NULL, 0);
	int fd = open_file();
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "flock", key_of("flock", fd), *heir);
	truth_hop(*heir, 0, "pipe-read", NULL, *heir);
	truth_ready();
	flock(fd, LOCK_EX);
}

/* All that share it must let go: one that never will is enough. */
SCENARIO(flock_two_shared,
	 .what = "an exclusive lock behind two shared ones, one of a dead process")
{
	int shared = LOCK_SH;
	pid_t dead = spawn_child(flock_and_hang, &shared);
	pid_t alive = spawn_child(flock_and_sleep, &shared);

	wait_blocked(dead, 0);
	wait_blocked(alive, 0);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "flock", NULL, dead);
	truth_hop(dead, 0, "pipe-read", NULL, dead);
	truth_ready();
	flock(open_file(), LOCK_EX);
}

SCENARIO(flock_sleeper, .what = "a lock of a process that sleeps: no deadlock")
{
	int exclusive = LOCK_EX;
	pid_t child = spawn_child(flock_and_sleep, &exclusive);

	wait_blocked(child, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "flock", NULL, child);
	truth_hop(child, 0, "sleep", NULL, ANYBODY);
	truth_ready();
	flock(open_file(), LOCK_SH);
}

/* ---- record locks -----------------------------------------------------------------------------
 */

static int lock_range(int fd, int command, off_t start, off_t length)
{
	struct flock l = { .l_type = F_WRLCK, .l_start = start, .l_len = length };

	return fcntl(fd, command, &l);
}

static void lock_tenth_byte(void *unused)
{
	(void)unused;
	lock_range(open_file(), F_SETLKW, 10, 1);
}

SCENARIO(record_parent, .what = "a child waits for a byte that its parent has locked")
{
	int fd = open_file();

	must(lock_range(fd, F_SETLKW, 0, 100));
	pid_t child = spawn_child(lock_tenth_byte, NULL);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "child-exit", NULL, child);
	truth_hop(child, 0, "record-lock", key_of("record-lock", fd), getpid());
	truth_says("bytes 10 to 10");
	truth_ready();
	waitpid(child, NULL, 0);
}

static void lock_first_and_hang(void *unused)
{
	(void)unused;
	must(lock_range(open_file(), F_SETLKW, 0, 10));
	hang_dead(NULL);
}

static void lock_second_and_sleep(void *unused)
{
	(void)unused;
	must(lock_range(open_file(), F_SETLKW, 10, 10));
	sleep(100000);
}

SCENARIO(record_two_ranges, .what = "a range over two locked ones, one of a dead process")
{
	pid_t dead = spawn_child(lock_first_and_hang, NULL);
	pid_t alive = spawn_child(lock_second_and_sleep, NULL);

	wait_blocked(dead, 0);
	wait_blocked(alive, 0);
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "record-lock", NULL, dead);
	truth_hop(dead, 0, "pipe-read", NULL, dead);
	truth_ready();
	lock_range(open_file(), F_SETLKW, 0, 0);
}

SCENARIO(record_beside, .what = "only the holder of the range in the way counts")
{
	pid_t dead = spawn_child(lock_first_and_hang, NULL);
	pid_t alive = spawn_child(lock_second_and_sleep, NULL);

	wait_blocked(dead, 0);
	wait_blocked(alive, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "record-lock", NULL, alive);
	truth_blocked(dead, 0);
	truth_ready();
	lock_range(open_file(), F_SETLKW, 15, 1);
}

static void ofd_lock_and_leave_heir(void *heir)
{
	must(lock_range(open_file(), F_OFD_SETLKW, 0, 10));
	*(volatile pid_t *)heir = spawn_child(hang_dead, NULL);
	wait_blocked(*(volatile pid_t *)heir, 0);
}

SCENARIO(ofd_heir, .what = "a description's record lock whose only holder inherited it and is dead")
{
	volatile pid_t *heir = shared_page();
	pid_t creator = spawn_child(ofd_lock_and_leave_heir, (void *)heir);

	waitpid(creator, NULL, 0);
	int fd = open_file();
	truth_verdict("deadlock", NULL);
	truth_hop(getpid(), 0, "record-lock", key_of("record-lock", fd), *heir);
	truth_hop(*heir, 0, "pipe-read", NULL, *heir);
	truth_ready();
	lock_range(fd, F_OFD_SETLKW, 5, 1);
}

/* ---- lease ------------------------------------------------------------------------------------
 */

static void lease_and_hang(void *unused)
{
	(void)unused;
	signal(SIGIO, SIG_IGN);
	must(fcntl(open_file(), F_SETLEASE, F_WRLCK));
	hang_dead(NULL);
}

SCENARIO(lease_break, .what = "an open that breaks the lease of a process which never answers")
{
	close(open_file());
	pid_t child = spawn_child(lease_and_hang, NULL);

	wait_blocked(child, 0);
	truth_verdict("waiting-with-timeout", NULL);
	truth_not("deadlock");
	truth_hop(getpid(), 0, "lease", NULL, child);
	truth_ready();
	must(open(lock_path(), O_RDWR | O_CLOEXEC));
}
