/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/details.h"

#include "lib/unit_child.h"
#include "read/proc/procfs.h"
#include "read/proc/procstat.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

Test(details, in_cgroup_takes_whole_names)
{
	static const char TEXT[] = "9:name=systemd:/s/a.service\n4:memory:/m\n0::/u/x:y/z";

	cr_assert(details_in_cgroup(TEXT, "/s/a.service"));
	cr_assert(details_in_cgroup(TEXT, "s"));
	cr_assert(details_in_cgroup(TEXT, "/s/"));
	cr_assert(details_in_cgroup(TEXT, "/u/x:y"));
	cr_assert(details_in_cgroup(TEXT, "/"));
	cr_assert_not(details_in_cgroup(TEXT, "/s/a"));
	cr_assert_not(details_in_cgroup(TEXT, "/s/a.service/b"));
	cr_assert_not(details_in_cgroup(TEXT, "memory"));
	cr_assert_not(details_in_cgroup("", "/"));
	cr_assert_not(details_in_cgroup("no colons\n:one\n\n", "/"));
}

Test(details, top_cgroup)
{
	cr_assert(details_is_top_cgroup("1:cpu:/\n0::/"));
	cr_assert(details_is_top_cgroup(""));
	cr_assert_not(details_is_top_cgroup("1:cpu:/\n0::/a"));
	cr_assert_not(details_is_top_cgroup("1:cpu:/b\n0::/\n"));
}

static void run_sleep(void *arg)
{
	(void)arg;
	execl("/bin/sleep", "sleep", "", "100\x1f", NULL);
}

static void add(struct snapshot *s, int32_t tgid)
{
	struct snap_process *p = vec_push(&s->processes);

	p->tgid = tgid;
	p->in_tree = true;
	snapshot_index(s);
}

Test(details, of_a_child)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	_cleanup_free_ char *again = NULL;
	int32_t tgid = child_start(run_sleep, NULL);
	struct snap_process *p;

	child_wait_state(tgid, tgid,
			 'Z'); /* sleep(1) refuses "" and is a zombie then: no arguments */
	add(s, tgid);
	details_load(s);
	p = snapshot_process(s, tgid);
	cr_assert_eq(p->argv, 0);
	cr_assert_eq(p->exe, 0);
	cr_assert_neq(p->cgroup, 0);
	cr_assert_eq(s->missing.count, 0);
	again = xstrdup(snapshot_str(s, p->cgroup));
	cr_assert(details_in_cgroup(again, "/"));
}

static void run_shell(void *arg)
{
	dup2(*(int *)arg, 0);
	execl("/bin/sh", "sh", "-c", "read x",
	      "a\x1f"
	      "b",
	      "", "c d", NULL);
}

/* A shell that reads a pipe: "sh", "-c", "read x" and three arguments. */
static int32_t start_shell(void)
{
	int ends[2];
	int32_t tgid;

	cr_assert_eq(pipe(ends), 0);
	tgid = child_start(run_shell, &ends[0]);
	child_wait_syscall(tgid, tgid, SYS_read);
	return tgid;
}

Test(details, arguments_are_told_apart)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	int32_t tgid = start_shell();

	add(s, tgid);
	details_load(s);
	cr_assert_str_eq(snapshot_str(s, snapshot_process(s, tgid)->argv), "sh\x1f-c\x1fread x\x1f"
									   "a b\x1f\x1f"
									   "c d");
	cr_assert(strchr(snapshot_str(s, snapshot_process(s, tgid)->exe), '/'));
	child_end(tgid);
}

/* What a reader knows of it from /proc/P/stat, so that its arguments are copied from its memory. */
static struct snap_process *add_known(struct snapshot *s, int32_t tgid)
{
	struct procstat st;
	char name[64], text[2048];

	snprintf(name, sizeof(name), "/proc/%d/stat", tgid);
	cr_assert_gt(procfs_slurp(AT_FDCWD, name, text, sizeof(text)), 0);
	cr_assert(procstat_parse(text, &st));
	cr_assert_lt(st.arg_start, st.arg_end);
	procstat_process(&st, vec_push(&s->processes));
	s->processes.at[s->processes.count - 1].in_tree = true;
	snapshot_index(s);
	return snapshot_process(s, tgid);
}

static const char *arguments_of(struct snapshot *s, int32_t tgid)
{
	details_load(s);
	return snapshot_str(s, snapshot_process(s, tgid)->argv);
}

Test(details, arguments_out_of_its_memory)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	int32_t tgid = start_shell();
	struct snap_process *p = add_known(s, tgid);

	cr_assert_str_eq(arguments_of(s, tgid), "sh\x1f-c\x1fread x\x1f"
						"a b\x1f\x1f"
						"c d");
	/* that it was this way shows when the reader knows of less */
	p->argv = 0;
	p->arg_end = p->arg_start + strlen("sh") + 1;
	cr_assert_str_eq(arguments_of(s, tgid), "sh");
	child_end(tgid);
}

Test(details, arguments_that_are_not_where_they_should_be)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	int32_t tgid = start_shell();
	struct snap_process *p = add_known(s, tgid);

	p->arg_end--; /* the last byte is of a text: its program has written there */
	cr_assert(strstr(arguments_of(s, tgid), "c d"));
	p->argv = 0;
	p->arg_end = p->arg_start - 1;
	cr_assert(strstr(arguments_of(s, tgid), "c d"));
	p->argv = 0;
	p->arg_start = 4096; /* not mapped */
	p->arg_end = 8192;
	cr_assert(strstr(arguments_of(s, tgid), "c d"));
	child_end(tgid);
}

/* As setproctitle(3) does it: over the end of the arguments and into the environment. */
static void rename_itself(void *arg)
{
	struct procstat st;
	char text[2048], *end;

	(void)arg;
	if (procfs_slurp(AT_FDCWD, "/proc/self/stat", text, sizeof(text)) < 0 ||
	    !procstat_parse(text, &st))
		return;
	end = (void *)(uintptr_t)st.arg_end;
	strcpy(end - 4, "title goes on here");
	syscall(SYS_pause);
}

Test(details, arguments_that_were_written_over)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	int32_t tgid = child_start(rename_itself, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	add_known(s, tgid);
	cr_assert(strstr(arguments_of(s, tgid), "title goes on here"));
	child_end(tgid);
}

Test(details, keeps_what_the_reader_filled)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	uint32_t mine = strtab_add(s->strings, "mine");

	add(s, getpid());
	s->processes.at[0].argv = s->processes.at[0].exe = s->processes.at[0].cgroup = mine;
	details_load(s);
	cr_assert_eq(s->processes.at[0].argv, mine);
	cr_assert_eq(s->processes.at[0].exe, mine);
	cr_assert_eq(s->processes.at[0].cgroup, mine);
}

Test(details, a_process_that_is_gone)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();

	add(s, 2000000000);
	details_load(s);
	cr_assert_eq(s->processes.at[0].argv, 0);
	cr_assert_eq(s->processes.at[0].cgroup, 0);
	cr_assert_not(s->processes.at[0].frozen);
}

/*
 * Takes the page of its arguments away, and whoever wants it waits for a userfaultfd that nobody
 * serves.
 */
static void lose_arguments(void *arg)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct procstat st;
	char text[2048];

	if (procfs_slurp(AT_FDCWD, "/proc/self/stat", text, sizeof(text)) < 0 ||
	    !procstat_parse(text, &st))
		return;
	reg.range.start = st.arg_start & ~4095ull;
	reg.range.len = 4096;
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0 || ioctl(fd, UFFDIO_REGISTER, &reg) < 0 ||
	    madvise((void *)(uintptr_t)reg.range.start, 4096, MADV_DONTNEED) < 0)
		return;
	(void)arg;
	syscall(SYS_pause);
}

static void lose_nothing(void *arg)
{
	(void)arg;
	syscall(SYS_pause);
}

Test(details, arguments_that_never_come)
{
	_cleanup_snapshot_ struct snapshot *s = snapshot_new();
	int probe = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	int32_t bad, good;

	if (probe < 0)
		cr_skip_test("userfaultfd: %s", strerror(errno));
	close(probe);
	bad = child_start(lose_arguments, NULL);
	child_wait_syscall(bad, bad, SYS_pause);
	good = child_start(lose_nothing, NULL);
	child_wait_syscall(good, good, SYS_pause);
	add(s, bad);
	add(s, good);
	details_load(s);
	cr_assert_eq(snapshot_process(s, bad)->argv, 0);
	cr_assert_neq(snapshot_process(s, good)->argv, 0, "the others are not held up");
	child_end(bad);
	child_end(good);
}
