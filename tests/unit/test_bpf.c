/* SPDX-License-Identifier: BSD-2-Clause */
/* The bpf reader against what the test knows of its own children, and against the procfs reader. */
#include "read/bpf_tasks.h"
#include "read/fdinfo.h"
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

static struct reader *open_reader(const char *name)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct reader *r = NULL;
	int rc = reader_open(name, &r, &err);

	bpf_or_skip(rc, &err);
	return r;
}

static struct snapshot *begin(struct reader *r, int32_t root)
{
	struct read_scope scope = { .roots = &root, .root_count = 1 };
	struct snag_error err = SNAG_ERROR_INIT;
	struct snapshot *s = NULL;

	cr_assert_eq(reader_begin(r, &scope, &s, &err), 0, "%s", err.text);
	return s;
}

static void finish(struct reader *r, struct snapshot *s)
{
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(reader_finish(r, s, &err), 0, "%s", err.text);
}

/* ---- letters, stamps and restarts ------------------------------------------------------------ */

Test(bpf, letters_are_those_of_stat)
{
	cr_expect_eq(bpf_state_letter(0, 0), 'R');
	cr_expect_eq(bpf_state_letter(1, 0), 'S');
	cr_expect_eq(bpf_state_letter(2, 0), 'D');
	cr_expect_eq(bpf_state_letter(0x102, 0), 'D'); /* TASK_KILLABLE */
	cr_expect_eq(bpf_state_letter(0x402, 0), 'I');
	cr_expect_eq(bpf_state_letter(4, 0), 'T');
	cr_expect_eq(bpf_state_letter(8, 0), 't');
	cr_expect_eq(bpf_state_letter(0x80, 0x20), 'Z');
	cr_expect_eq(bpf_state_letter(0x80, 0x10), 'X');
	cr_expect_eq(bpf_state_letter(0x8000, 0), 'D'); /* TASK_FROZEN */
}

Test(bpf, restarts_are_told_by_their_registers)
{
	struct ev_task t = { .nr = 219, .restart_ref = 1, .args = { 0x7000, 3, 0 } };

	t.restart[0] = 0x7000; /* poll: ufds; nfds 3, has_timeout 1; seconds, nanoseconds */
	t.restart[1] = 1ull << 32 | 3;
	t.restart[2] = 5;
	t.restart[3] = 7;
	cr_expect_eq(bpf_restart_deadline(&t), 5000000007);
	t.restart[1] = 3;
	cr_expect_eq(bpf_restart_deadline(&t), 0, "poll without a timeout");

	t = (struct ev_task){ .nr = 219, .restart_ref = 1, .args = { 0x7000, 0x80, 77 } };
	t.restart[0] = 0x7000; /* futex: uaddr; val, flags; bitset; time */
	t.restart[1] = 77;
	t.restart[3] = 4242;
	cr_expect_eq(bpf_restart_deadline(&t), 4242);

	t = (struct ev_task){ .nr = 219, .restart_ref = 1, .args = { 0x6000, 0x6000 } };
	t.restart[0] = 1; /* nanosleep: clock and type; rmtp; expires */
	t.restart[1] = 0x6000;
	t.restart[2] = 999;
	cr_expect_eq(bpf_restart_deadline(&t), 999);
	t.nr = SYS_read;
	cr_expect_eq(bpf_restart_deadline(&t), 0, "of no other call");
}

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
	_cleanup_reader_ struct reader *r = open_reader("bpf");
	_cleanup_snapshot_ struct snapshot *s = NULL;
	const struct snap_process *p;
	const struct snap_task *t;
	const struct snap_file *f;
	struct timespec before, after;
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
	s = begin(r, child);
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
	cr_expect(t->has_syscall);
	cr_expect_eq(t->nr, SYS_read);
	cr_expect_eq(t->args[0], (uint64_t)ends[0]);
	cr_expect_str_neq(snapshot_str(s, t->wchan), "");
	earliest = (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec;
	latest = (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec;
	cr_expect(t->since_ns + 1000000 > earliest && t->since_ns < latest + 1000000,
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
	finish(r, s);
	cr_expect_not(snapshot_task(s, child)->moved);
	cr_expect_not(snapshot_task(s, child)->gone);
	child_end(child);
	child_end(holder);
}

Test(bpf, sees_what_moved_between)
{
	_cleanup_reader_ struct reader *r = open_reader("bpf");
	_cleanup_snapshot_ struct snapshot *s = NULL;
	int ends[2], other[2];
	int32_t child, gone;

	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(pipe(other), 0);
	child = child_start(read_pipe, ends);
	child_wait_syscall(child, child, SYS_read);
	s = begin(r, child);
	cr_assert_eq(write(ends[1], "x", 1), 1);
	child_wait_state(child, child, 'Z');
	finish(r, s);
	cr_expect(snapshot_task(s, child)->moved);

	gone = child_start(read_pipe, other);
	child_wait_syscall(gone, gone, SYS_read);
	snapshot_free(s);
	s = begin(r, gone);
	child_end(gone);
	finish(r, s);
	cr_expect(snapshot_task(s, gone)->gone);
	cr_expect(snapshot_task(s, gone)->moved);
}

/* ---- both readers agree ---------------------------------------------------------------------- */

static int start_thread(void *arg)
{
	read_pipe(arg);
	return 0;
}

/* A child with a thread, files of many kinds and a child of its own; all of them block. */
static void many_files(void *arg)
{
	struct itimerspec in = { .it_value.tv_sec = 1000, .it_interval.tv_sec = 3 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct epoll_event want = { .events = EPOLLIN, .data.u64 = 99 };
	static char stack[65536];
	int *ends = arg, pair[2], epoll = epoll_create1(EPOLL_CLOEXEC), timer, master;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), event = eventfd(3, EFD_NONBLOCK);
	sigset_t set;

	snprintf(at.sun_path + 1, sizeof(at.sun_path) - 1, "snag-test-%d", getpid());
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGUSR2, SIG_IGN);
	timer = timerfd_create(CLOCK_MONOTONIC, 0);
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (timerfd_settime(timer, 0, &in, NULL) || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) ||
	    signalfd(-1, &set, 0) < 0 || master < 0 || open("/dev/null", O_RDONLY) < 0 ||
	    bind(listener, (void *)&at, sizeof(at)) < 0 || listen(listener, 7) < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, event, &want) ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, pair[0], &want) || kill(getpid(), SIGUSR1))
		_exit(2);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		read_pipe(ends);
	}
	clone(start_thread, stack + sizeof(stack),
	      CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	      ends);
	read_pipe(ends);
}

#define SAME(field)                                                                                \
	cr_expect_eq(a->field, b->field, "%d: " #field " is %lld by bpf, %lld by procfs", id,      \
		     (long long)a->field, (long long)b->field)

static void compare_process(const struct snapshot *sa, const struct snapshot *sb, int32_t id)
{
	const struct snap_process *a = snapshot_process(sa, id), *b = snapshot_process(sb, id);

	cr_assert(a && b, "process %d is not in both", id);
	SAME(ppid);
	SAME(start_ticks);
	SAME(state);
	SAME(kernel);
	SAME(in_tree);
	SAME(exited);
	SAME(exit_code);
	SAME(pgrp);
	SAME(session);
	SAME(tty_nr);
	SAME(tpgid);
	SAME(uid);
	if (snapshot_process(sa, a->ppid)->in_tree)
		SAME(forker); /* procfs reads the children of the tree alone */
	SAME(pid_ns);
	SAME(net_ns);
	SAME(mnt_ns);
	SAME(user_ns);
	SAME(ns_tgid);
	SAME(fork_no_exec);
	SAME(arg_start);
	SAME(start_stack);
	SAME(sig_ignored);
	SAME(sig_caught);
	SAME(sig_pending);
	SAME(faults);
	SAME(io_bytes);
	SAME(posix_timers);
	SAME(frozen);
	SAME(task_count);
	SAME(file_count);
	SAME(fd_total);
	cr_expect_arr_eq(a->comm, b->comm, sizeof(a->comm));
	cr_expect_str_eq(snapshot_str(sa, a->argv), snapshot_str(sb, b->argv));
}

static void compare_task(const struct snapshot *sa, const struct snapshot *sb, int32_t id)
{
	const struct snap_task *a = snapshot_task(sa, id), *b = snapshot_task(sb, id);

	cr_assert(a && b, "thread %d is not in both", id);
	SAME(tgid);
	SAME(ns_tgid);
	SAME(ns_tid);
	SAME(start_ticks);
	SAME(state);
	SAME(stamp);
	SAME(has_syscall);
	SAME(in_fault);
	SAME(nr);
	SAME(compat);
	for (int i = 0; i < 6; i++)
		SAME(args[i]);
	SAME(sp);
	SAME(pc);
	SAME(sig_pending);
	SAME(sig_blocked);
	SAME(tracer);
	cr_expect_str_eq(snapshot_str(sa, a->wchan), snapshot_str(sb, b->wchan));
}

static void compare_items(const struct snapshot *sa, const struct snap_file *fa,
			  const struct snapshot *sb, const struct snap_file *fb)
{
	for (uint32_t i = 0; i < fa->item_count; i++) {
		const struct snap_epitem *a = &sa->epitems.at[fa->first_item + i];
		const struct snap_epitem *b = NULL;
		int id = a->fd;

		for (uint32_t k = 0; k < fb->item_count; k++)
			if (sb->epitems.at[fb->first_item + k].fd == a->fd)
				b = &sb->epitems.at[fb->first_item + k];
		cr_assert(b, "item %d is not in both", id);
		SAME(events);
		SAME(data);
		SAME(dev);
		SAME(ino);
		SAME(kind);
		SAME(id);
	}
}

static void compare_file(struct snapshot *sa, struct snapshot *sb, int32_t tgid, int32_t id)
{
	const struct snap_file *a = snapshot_file(sa, tgid, id), *b = snapshot_file(sb, tgid, id);

	cr_assert(a && b, "file %d is not in both", id);
	if (!b->details)
		cr_assert_eq(fdinfo_load(sb, (uint32_t)(b - sb->files.at), NULL), 0);
	SAME(kind);
	SAME(mode);
	SAME(nonblock);
	SAME(named);
	SAME(dev);
	SAME(ino);
	SAME(value);
	SAME(sigmask);
	SAME(interval_ns);
	SAME(item_count);
	if (a->kind != FILE_TIMERFD && a->kind != FILE_EPOLL)
		SAME(id);
	cr_expect_str_eq(snapshot_str(sa, a->path), snapshot_str(sb, b->path));
	cr_expect(a->expires_ns + 1000000000 > b->expires_ns &&
		  a->expires_ns < b->expires_ns + 1000000000);
	compare_items(sa, a, sb, b);
}

static void compare_socks(const struct snapshot *sa, const struct snapshot *sb, int32_t tgid)
{
	const struct snap_process *p = snapshot_process(sa, tgid);

	for (uint32_t i = 0; i < p->file_count; i++) {
		const struct snap_file *f = &sa->files.at[p->first_file + i];
		const struct snap_file *g = snapshot_file(sb, tgid, f->fd);
		const struct snap_sock *a, *b;
		int id = f->fd;

		if (f->kind != FILE_SOCKET)
			continue;
		cr_assert(f->sock && g && g->sock, "socket %d is not in both", id);
		a = &sa->socks.at[f->sock - 1];
		b = &sb->socks.at[g->sock - 1];
		SAME(ino);
		SAME(net_ns);
		SAME(family);
		SAME(type);
		SAME(state);
		SAME(shutdown);
		SAME(rqueue);
		SAME(wqueue);
		SAME(peer_ino);
		SAME(vfs_ino);
		cr_expect_str_eq(snapshot_str(sa, a->path), snapshot_str(sb, b->path));
	}
}

Test(bpf, agrees_with_procfs)
{
	_cleanup_reader_ struct reader *bpf = open_reader("bpf"), *procfs = open_reader("procfs");
	_cleanup_snapshot_ struct snapshot *sa = NULL, *sb = NULL;
	uint32_t tasks = 0;
	int32_t child, thread;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	child = child_start(many_files, ends);
	thread = child_wait_thread(child);
	child_wait_syscall(child, child, SYS_read);
	child_wait_syscall(child, thread, SYS_read);
	sa = begin(bpf, child);
	sb = begin(procfs, child);
	for (uint32_t i = 0; i < sa->processes.count; i++) {
		const struct snap_process *p = &sa->processes.at[i];

		if (!p->in_tree)
			continue;
		compare_process(sa, sb, p->tgid);
		for (uint32_t k = 0; k < p->task_count; k++, tasks++)
			compare_task(sa, sb, sa->tasks.at[p->first_task + k].tid);
		for (uint32_t k = 0; k < p->file_count; k++)
			compare_file(sa, sb, p->tgid, sa->files.at[p->first_file + k].fd);
		compare_socks(sa, sb, p->tgid);
	}
	cr_expect_eq(tasks, 3);
	finish(bpf, sa);
	finish(procfs, sb);
	for (uint32_t i = 0; i < sa->tasks.count; i++)
		if (sa->processes.at[sa->tasks.at[i].process].in_tree)
			cr_expect_not(sa->tasks.at[i].moved);
	child_end(child);
}
