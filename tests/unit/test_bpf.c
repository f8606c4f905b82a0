/* SPDX-License-Identifier: BSD-2-Clause */
/* The bpf reader against what the test knows of its own children. */
#include "read/reader.h"

#include "lib/unit_bpf.h"
#include "lib/unit_child.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- what the test knows --------------------------------------------------------------------- */

static void hold(void *arg)
{
	(void)arg;
	pause();
}

static void read_pipe(void *arg)
{
	int *ends = arg;
	char byte;

	if (read(ends[0], &byte, 1) < 0)
		_exit(2);
}

Test(bpf, reads_a_blocked_child)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	_cleanup_snapshot_ struct snapshot *s = NULL;
	const struct snap_process *p;
	const struct snap_task *t;
	const struct snap_file *f;
	struct timespec before, after;
	/* a virtual CPU may stand still while the two clocks are compared */
	const uint64_t slack = 20000000;
	uint64_t earliest, latest;
	int ends[2];
	int32_t child, holder;

	cr_assert_eq(pipe(ends), 0);
	holder = child_start(hold, NULL);
	child_wait_syscall(holder, holder, SYS_pause);
	clock_gettime(CLOCK_BOOTTIME, &before);
	child = child_start(read_pipe, ends);
	child_wait_syscall(child, child, SYS_read);
	clock_gettime(CLOCK_BOOTTIME, &after);
	s = unit_begin(r, child);
	p = snapshot_process(s, child);
	t = snapshot_task(s, child);
	f = snapshot_file(s, child, ends[0]);
	cr_assert(p && t && f);
	cr_expect(p->in_tree);
	cr_expect(p->fork_no_exec);
	cr_expect_eq(p->ppid, getpid());
	cr_expect_eq(p->forker, gettid());
	cr_expect(p->itimer_known);
	cr_expect_eq(p->itimer_ns, 0);
	cr_expect_neq(p->mm, snapshot_process(s, getpid())->mm);
	cr_expect_neq(p->code, 0);
	cr_expect_eq(p->code, snapshot_process(s, holder)->code);
	cr_expect(t->has_syscall);
	cr_expect_eq(t->nr, SYS_read);
	cr_expect_eq(t->args[0], (uint64_t)ends[0]);
	cr_expect_str_neq(snapshot_str(s, t->wchan), "");
	earliest = (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec;
	latest = (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec;
	cr_expect(t->since_ns + slack > earliest && t->since_ns < latest + slack,
		  "blocked since %lu, which is not within %lu and %lu", t->since_ns, earliest,
		  latest);
	cr_expect_eq(f->kind, FILE_PIPE);
	cr_expect_eq(f->mode, MODE_READ);
	cr_expect_eq(f->pipe_readers, 1);
	cr_expect_eq(f->pipe_writers, 1);
	cr_assert(snapshot_file(s, holder, ends[1]), "the writer outside of the tree is not seen");
	cr_expect_eq(snapshot_file(s, holder, ends[0])->description, f->description);
	cr_expect_not(snapshot_process(s, holder)->in_tree);
	cr_expect_null(snapshot_file(s, getpid(), ends[1]), "snag counts itself");
	cr_expect(s->has_descriptions && s->has_pipe_counts && s->socks_loaded);
	unit_finish(r, s);
	cr_expect_not(snapshot_task(s, child)->moved);
	cr_expect_not(snapshot_task(s, child)->gone);
	child_end(child);
	child_end(holder);
}

Test(bpf, sees_what_moved_between)
{
	_cleanup_reader_ struct reader *r = unit_reader("bpf");
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int ends[2], other[2];
	int32_t child, gone;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(pipe(other), 0);
	child = child_start(read_pipe, ends);
	child_wait_syscall(child, child, SYS_read);
	s = unit_begin(r, child);
	cr_assert_eq(write(ends[1], "x", 1), 1);
	child_wait_state(child, child, 'Z');
	unit_finish(r, s);
	cr_expect(snapshot_task(s, child)->moved);

	gone = child_start(read_pipe, other);
	child_wait_syscall(gone, gone, SYS_read);
	snapshot_free(s);
	s = unit_begin(r, gone);
	child_end(gone);
	unit_finish(r, s);
	cr_expect(snapshot_task(s, gone)->gone);
	cr_expect(snapshot_task(s, gone)->moved);
}
