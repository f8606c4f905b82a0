/* SPDX-License-Identifier: BSD-2-Clause */
/* Both readers over one tree with files of many kinds: what they fill must be the same. */
#include "read/bpf/bpf_files.h"
#include "read/proc/fdinfo.h"
#include "read/reader.h"

#include "lib/unit_bpf.h"
#include "lib/unit_child.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
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

static void read_pipe(void *arg)
{
	int *ends = arg;
	char byte;

	if (read(ends[0], &byte, 1) < 0)
		_exit(2);
}

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
	SAME(arg_end);
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
	struct timespec now;

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
	/* time left, read at a moment between the start of the first look and now */
	clock_gettime(CLOCK_BOOTTIME, &now);
	cr_expect(llabs((int64_t)(sa->taken_boottime_ns + a->expires_ns) -
			(int64_t)(sb->taken_boottime_ns + b->expires_ns)) <=
		  (int64_t)now.tv_sec * 1000000000 + now.tv_nsec - (int64_t)sa->taken_boottime_ns);
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

Test(bpf_files, agrees_with_procfs)
{
	_cleanup_reader_ struct reader *bpf = unit_reader("bpf"), *procfs = unit_reader("procfs");
	_cleanup_snapshot_ struct snapshot *sa = NULL, *sb = NULL;
	uint32_t tasks = 0;
	int32_t child, thread;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	child = child_start(many_files, ends);
	thread = child_wait_thread(child);
	child_wait_syscall(child, child, SYS_read);
	child_wait_syscall(child, thread, SYS_read);
	sa = unit_begin(bpf, child);
	sb = unit_begin(procfs, child);
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
	unit_finish(bpf, sa);
	unit_finish(procfs, sb);
	for (uint32_t i = 0; i < sa->tasks.count; i++)
		if (sa->processes.at[sa->tasks.at[i].process].in_tree)
			cr_expect_not(sa->tasks.at[i].moved);
	child_end(child);
}
