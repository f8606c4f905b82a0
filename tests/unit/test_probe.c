/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/probe.h"

#include "lib/unit_bpf.h"
#include "lib/unit_child.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static struct probe *open_probe(void)
{
	struct snag_error err = SNAG_ERROR_INIT;
	struct probe *p = NULL;

	bpf_or_skip(probe_open(&p, &err), &err);
	return p;
}

static void run(struct probe *p, enum probe_pass pass, const struct probe_sink *sink)
{
	struct snag_error err = SNAG_ERROR_INIT;

	cr_assert_eq(probe_run(p, pass, sink, &err), 0, "%s", err.text);
}

/* ---- tasks ----------------------------------------------------------------------------------- */

struct found_task {
	int32_t tid;
	uint32_t tasks, processes, stamps, undos;
	struct ev_task task;
	struct ev_process process;
	struct ev_stamp stamp;
	struct ev_undo undo;
};

static void find_task(const struct ev_head *head, void *arg)
{
	struct found_task *f = arg;
	const struct ev_task *t = (const void *)head;
	const struct ev_process *p = (const void *)head;
	const struct ev_stamp *s = (const void *)head;
	const struct ev_undo *u = (const void *)head;

	if (head->kind == EV_TASK && t->tid == f->tid && ++f->tasks)
		f->task = *t;
	if (head->kind == EV_PROCESS && p->tgid == f->tid && ++f->processes)
		f->process = *p;
	if (head->kind == EV_STAMP && s->tid == f->tid && ++f->stamps)
		f->stamp = *s;
	if (head->kind == EV_UNDO && u->tgid == f->tid && ++f->undos)
		f->undo = *u;
}

static void on_signal(int signal_number)
{
	(void)signal_number;
}

static void read_empty_pipe(void *arg)
{
	static char byte[3];
	int *ends = arg;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, on_signal);
	setpgid(0, 0);
	if (read(ends[0], byte, sizeof(byte)) < 0)
		_exit(2);
}

Test(probe, tells_where_a_thread_blocks)
{
	_cleanup_probe_ struct probe *p = open_probe();
	struct found_task f = { 0 };
	struct stat exe, ns;
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	f.tid = child_start(read_empty_pipe, ends);
	child_wait_syscall(f.tid, f.tid, SYS_read);
	run(p, PROBE_TASKS, &(struct probe_sink){ find_task, &f });
	run(p, PROBE_STAMPS, &(struct probe_sink){ find_task, &f });
	cr_assert_eq(f.tasks, 1);
	cr_assert_eq(f.processes, 1);
	cr_assert_eq(f.stamps, 1);
	cr_expect_eq(f.task.tgid, f.tid);
	cr_expect_eq(f.task.parent_tgid, getpid());
	cr_expect_eq(f.task.forker, gettid());
	cr_expect(f.task.head.flags & EV_TASK_REGS);
	cr_expect_eq(f.task.nr, SYS_read);
	cr_expect_eq(f.task.args[0], (uint64_t)ends[0]);
	cr_expect_eq(f.task.args[2], 3);
	cr_expect_eq(f.task.state, 1);
	cr_expect_neq(f.task.stack_hash, 0);
	cr_expect_eq(f.task.uid, getuid());
	cr_expect_eq(f.stamp.run_ns, f.task.run_ns);
	cr_expect_eq(f.stamp.pcount, f.task.pcount);
	cr_expect_eq(f.stamp.start_ns, f.task.start_ns);
	cr_expect_eq(f.process.pgrp, f.tid);
	cr_expect_eq(f.process.session, getsid(0));
	cr_expect_eq(f.process.threads, 1);
	cr_expect(f.process.sig_ignored & 1ull << (SIGUSR1 - 1));
	cr_expect(f.process.sig_caught & 1ull << (SIGUSR2 - 1));
	cr_expect_not(f.process.sig_caught & 1ull << (SIGUSR1 - 1));
	cr_assert_eq(stat("/proc/self/exe", &exe), 0);
	cr_expect_eq(f.process.exe_ino, exe.st_ino);
	cr_assert_eq(stat("/proc/self/ns/net", &ns), 0);
	cr_expect_eq(f.process.net_ns, ns.st_ino);
	child_end(f.tid);
}

static void sleep_with_timers(void *arg)
{
	struct itimerval alarm = { .it_value.tv_sec = 300 };
	struct itimerspec in = { .it_value.tv_sec = 200 };
	struct sembuf take = { .sem_num = 1, .sem_op = -1, .sem_flg = SEM_UNDO };
	sigset_t all;
	timer_t timer;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (setitimer(ITIMER_REAL, &alarm, NULL) || timer_create(CLOCK_MONOTONIC, NULL, &timer) ||
	    timer_settime(timer, 0, &in, NULL) || semop(*(int *)arg, &take, 1))
		_exit(2);
	raise(SIGTERM);
	kill(getpid(), SIGUSR1);
	pause();
}

Test(probe, tells_timers_signals_and_undo)
{
	_cleanup_probe_ struct probe *p = open_probe();
	struct found_task f = { 0 };
	int set = semget(IPC_PRIVATE, 3, 0600);

	cr_assert_geq(set, 0);
	cr_assert_eq(semctl(set, 1, SETVAL, 1), 0);
	f.tid = child_start(sleep_with_timers, &set);
	child_wait_syscall(f.tid, f.tid, SYS_pause);
	run(p, PROBE_TASKS, &(struct probe_sink){ find_task, &f });
	cr_expect(f.process.itimer_armed);
	cr_expect(f.process.itimer_left_ns > 290000000000 &&
			  f.process.itimer_left_ns < 300000000000,
		  "%lld", (long long)f.process.itimer_left_ns);
	cr_expect_eq(f.process.timers, 1);
	cr_expect(f.process.timer_left_ns > 190000000000 && f.process.timer_left_ns < 200000000000,
		  "%lld", (long long)f.process.timer_left_ns);
	cr_expect(f.task.sig_pending & 1ull << (SIGTERM - 1));
	cr_expect(f.task.head.flags & EV_TASK_SENDER);
	cr_expect_eq(f.task.sender_signal, SIGTERM);
	cr_expect_eq(f.task.sender_tgid, f.tid);
	cr_expect(f.process.sig_pending & 1ull << (SIGUSR1 - 1));
	cr_expect_eq(f.process.sender_signal, SIGUSR1);
	cr_expect_eq(f.process.sender_tgid, f.tid);
	cr_expect(f.task.sig_blocked & 1ull << (SIGUSR2 - 1));
	cr_assert_eq(f.undos, 1);
	cr_expect_eq(f.undo.semid, set);
	cr_expect_eq(f.undo.adj[0], 0);
	cr_expect_eq(f.undo.adj[1], 1);
	cr_expect_eq(f.undo.adj[2], 0);
	child_end(f.tid);
	semctl(set, 0, IPC_RMID);
}

/* ---- files ----------------------------------------------------------------------------------- */

enum { MAX_FOUND = 64 };

struct counts {
	uint32_t socks, items, inflight;
};

struct found_files {
	int32_t tgid;
	uint32_t files;
	struct counts now, own; /* what belongs to a file comes before it */
	struct ev_file file[MAX_FOUND];
	struct ev_sock sock[MAX_FOUND];
	struct ev_epitem item[MAX_FOUND];
	struct ev_inflight flying[MAX_FOUND];
};

static void find_file(struct found_files *f, const struct ev_file *file)
{
	if (file->tgid == f->tgid && f->files < MAX_FOUND) {
		f->file[f->files++] = *file;
		f->own = f->now;
	}
	f->now = f->own; /* it was of another process */
}

static void find_files(const struct ev_head *head, void *arg)
{
	struct found_files *f = arg;

	if (head->kind == EV_FILE)
		find_file(f, (const void *)head);
	if (head->kind == EV_SOCK && f->now.socks < MAX_FOUND)
		memcpy(&f->sock[f->now.socks++], head, sizeof(f->sock[0]));
	if (head->kind == EV_EPITEM && f->now.items < MAX_FOUND)
		memcpy(&f->item[f->now.items++], head, sizeof(f->item[0]));
	if (head->kind == EV_INFLIGHT && f->now.inflight < MAX_FOUND)
		memcpy(&f->flying[f->now.inflight++], head, sizeof(f->flying[0]));
}

static const struct ev_file *file_of(const struct found_files *f, int fd)
{
	for (uint32_t i = 0; i < f->files; i++)
		if (f->file[i].fd == fd)
			return &f->file[i];
	cr_assert_fail("descriptor %d has no record", fd);
	return NULL;
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	cr_assert_eq(fstat(fd, &st), 0);
	return st.st_ino;
}

static const struct ev_sock *sock_of(const struct found_files *f, int fd)
{
	for (uint32_t i = 0; i < f->own.socks; i++)
		if (f->sock[i].ino == inode_of(fd))
			return &f->sock[i];
	cr_assert_fail("the socket %d has no record", fd);
	return NULL;
}

Test(probe, tells_pipes_and_descriptions)
{
	_cleanup_probe_ struct probe *p = open_probe();
	struct found_files f = { .tgid = getpid() };
	int ends[2], twin;

	cr_assert_eq(pipe(ends), 0);
	twin = dup(ends[1]);
	cr_assert_eq(write(ends[1], "hello", 5), 5);
	run(p, PROBE_FILES, &(struct probe_sink){ find_files, &f });
	cr_expect_eq(file_of(&f, ends[0])->it.class, EV_CLASS_PIPE);
	cr_expect_eq(file_of(&f, ends[0])->it.ino, inode_of(ends[0]));
	cr_expect_eq(file_of(&f, ends[0])->it.mode, 1);
	cr_expect_eq(file_of(&f, ends[1])->it.mode, 2);
	cr_expect_eq(file_of(&f, ends[0])->pipe.readers, 1);
	cr_expect_eq(file_of(&f, ends[0])->pipe.writers, 1);
	cr_expect_eq(file_of(&f, ends[0])->pipe.used, 1);
	cr_expect_eq(file_of(&f, ends[0])->pipe.slots, 16);
	cr_expect_eq(file_of(&f, ends[0])->pipe.bytes, 5);
	cr_expect_eq(file_of(&f, ends[1])->it.file_ref, file_of(&f, twin)->it.file_ref);
	cr_expect_neq(file_of(&f, ends[1])->it.file_ref, file_of(&f, ends[0])->it.file_ref);
}

Test(probe, tells_anonymous_files_apart)
{
	_cleanup_probe_ struct probe *p = open_probe();
	struct found_files f = { .tgid = getpid() };
	struct itimerspec in = { .it_value.tv_sec = 100, .it_interval.tv_sec = 7 };
	int events[2] = { eventfd(5, 0), eventfd(6, 0) };
	int timer = timerfd_create(CLOCK_REALTIME, 0),
	    pidfd = syscall(SYS_pidfd_open, getppid(), 0);
	int signals, epoll = epoll_create1(0);
	sigset_t set;
	struct epoll_event want = { .events = EPOLLIN | EPOLLONESHOT, .data.u64 = 42 };

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	signals = signalfd(-1, &set, 0);
	cr_assert_eq(timerfd_settime(timer, 0, &in, NULL), 0);
	cr_assert_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, events[1], &want), 0);
	run(p, PROBE_FILES, &(struct probe_sink){ find_files, &f });
	cr_expect_str_empty(probe_unlearned(p));
	cr_expect_eq(file_of(&f, events[0])->it.class, EV_CLASS_EVENTFD);
	cr_expect_eq(file_of(&f, events[0])->eventfd.count, 5);
	cr_expect_eq(file_of(&f, events[1])->eventfd.count, 6);
	cr_expect_neq(file_of(&f, events[0])->it.id, file_of(&f, events[1])->it.id);
	cr_expect_eq(file_of(&f, timer)->it.class, EV_CLASS_TIMERFD);
	cr_expect(file_of(&f, timer)->timerfd.armed);
	cr_expect(file_of(&f, timer)->timerfd.left_ns > 90000000000 &&
		  file_of(&f, timer)->timerfd.left_ns <= 100000000000);
	cr_expect_eq(file_of(&f, timer)->timerfd.interval_ns, 7000000000);
	cr_expect_eq(file_of(&f, signals)->sigmask, 1ull << (SIGUSR2 - 1));
	cr_expect_eq(file_of(&f, pidfd)->it.class, EV_CLASS_PIDFD);
	cr_expect_eq(file_of(&f, pidfd)->pidfd.tgid, getppid());
	cr_expect_eq(file_of(&f, epoll)->it.class, EV_CLASS_EPOLL);
	for (uint32_t i = 0; i < f.own.items; i++) {
		if (f.item[i].epoll_ref != file_of(&f, epoll)->it.file_ref)
			continue;
		cr_expect_eq(f.item[i].fd, events[1]);
		cr_expect_eq(f.item[i].data, 42);
		cr_expect_eq(f.item[i].target.file_ref, file_of(&f, events[1])->it.file_ref);
		cr_expect_eq(f.item[i].target.class, EV_CLASS_EVENTFD);
		cr_expect_eq(f.item[i].target.id, file_of(&f, events[1])->it.id);
		return;
	}
	cr_assert_fail("the epoll set has no item");
}

static void pass_descriptor(int sock, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(sizeof(int)) } };
	struct iovec data = { "x", 1 };
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };

	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	cr_assert_eq(sendmsg(sock, &m, 0), 1);
}

Test(probe, tells_sockets_and_what_travels_in_them)
{
	_cleanup_probe_ struct probe *p = open_probe();
	struct found_files f = { .tgid = getpid() };
	struct timeval second = { .tv_sec = 2 };
	int pair[2], ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	cr_assert_eq(pipe(ends), 0);
	cr_assert_eq(setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second)), 0);
	cr_assert_eq(write(pair[0], "abc", 3), 3);
	pass_descriptor(pair[0], ends[1]);
	run(p, PROBE_FILES, &(struct probe_sink){ find_files, &f });
	cr_expect_eq(sock_of(&f, pair[0])->family, AF_UNIX);
	cr_expect_eq(sock_of(&f, pair[0])->type, SOCK_STREAM);
	cr_expect_eq(sock_of(&f, pair[0])->peer_ino, inode_of(pair[1]));
	cr_expect_eq(sock_of(&f, pair[1])->rqueue, 4);
	cr_expect_eq(sock_of(&f, pair[1])->fds, 1);
	cr_expect_eq(sock_of(&f, pair[1])->rcvtimeo, 2 * probe_hz(p));
	for (uint32_t i = 0; i < f.own.inflight; i++) {
		if (f.flying[i].sock_ino != inode_of(pair[1]))
			continue;
		cr_expect_eq(f.flying[i].target.file_ref, file_of(&f, ends[1])->it.file_ref);
		cr_expect_eq(f.flying[i].target.class, EV_CLASS_PIPE);
		return;
	}
	cr_assert_fail("the descriptor under way is not told");
}

Test(probe, tells_connections_that_nobody_accepted)
{
	_cleanup_probe_ struct probe *p = open_probe();
	struct found_files f = { .tgid = getpid() };
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	cr_assert_eq(bind(listener, (void *)&at, size), 0);
	cr_assert_eq(listen(listener, 3), 0);
	cr_assert_eq(getsockname(listener, (void *)&at, &size), 0);
	cr_assert_eq(connect(client, (void *)&at, size), 0);
	run(p, PROBE_FILES, &(struct probe_sink){ find_files, &f });
	cr_expect_eq(sock_of(&f, listener)->state, 10);
	cr_expect_eq(sock_of(&f, listener)->rqueue, 1);
	cr_expect_eq(sock_of(&f, listener)->wqueue, 3);
	cr_expect_eq(sock_of(&f, client)->remote_port, ntohs(at.sin_port));
	for (uint32_t i = 0; i < f.own.socks; i++) {
		if (f.sock[i].ino || f.sock[i].listener_ino != inode_of(listener))
			continue;
		cr_expect_eq(f.sock[i].remote_port, sock_of(&f, client)->local_port);
		cr_expect_arr_eq(f.sock[i].remote, sock_of(&f, client)->local, 16);
		return;
	}
	cr_assert_fail("the connection in the queue is not told");
}

/* ---- long sets ------------------------------------------------------------------------------- */

enum { MANY = 3000 };

/* Of this test alone: others run at the same time. */
static const uint64_t MARK = 0x736e616700000000;

struct rest_count {
	uint64_t seen[MANY / 64 + 1];
	uint32_t items, cut;
	uint64_t ref;
};

static void count_items(const struct ev_head *head, void *arg)
{
	const struct ev_epitem *e = (const void *)head;
	const struct ev_file *file = (const void *)head;
	struct rest_count *c = arg;

	if (head->kind == EV_FILE && file->tgid == getpid() && file->it.class == EV_CLASS_EPOLL) {
		c->cut = head->flags & EV_FILE_CUT;
		c->ref = file->it.file_ref;
	}
	if (head->kind != EV_EPITEM || e->data - MARK >= MANY)
		return;
	c->items++;
	c->seen[(e->data - MARK) / 64] |= 1ull << (e->data - MARK) % 64;
}

Test(probe, tells_long_epoll_sets_piece_by_piece)
{
	_cleanup_probe_ struct probe *p = open_probe();
	struct rest_count c = { .cut = 1 };
	int epoll = epoll_create1(0), event = eventfd(0, 0);

	for (uint32_t i = 0; i < MANY; i++) {
		struct epoll_event want = { .events = EPOLLIN, .data.u64 = MARK + i };
		int twin = fcntl(event, F_DUPFD, 10 + (int)(i * 7919 % MANY));

		if (twin < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, twin, &want) < 0)
			cr_skip_test("the limit of descriptors is below %d", MANY);
	}
	run(p, PROBE_FILES, &(struct probe_sink){ count_items, &c });
	cr_expect(c.cut, "%u items", c.items);
	for (int i = 0; i < 100 && c.cut; i++) {
		struct probe_rest rest = { getpid(), c.ref, c.items };
		struct snag_error err = SNAG_ERROR_INIT;

		cr_assert_eq(probe_run_rest(p, &rest, &(struct probe_sink){ count_items, &c },
					    &err),
			     0, "%s", err.text);
	}
	cr_expect_eq(c.items, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		cr_expect(c.seen[i / 64] & 1ull << i % 64, "item %u is missing", i);
}

/* ---- two iterators --------------------------------------------------------------------------- */

enum { CHILDREN = 70 }; /* more than two runs of numbers */

struct order {
	int32_t children[CHILDREN];
	uint32_t told[CHILDREN];
	int32_t last;
	bool backward;
	uint64_t file_ref;
};

static void see_order(const struct ev_head *head, void *arg)
{
	const struct ev_file *f = (const void *)head;
	struct order *o = arg;

	if (head->kind != EV_FILE || !f->tid) /* 0: it ends right now */
		return;
	o->backward |= f->tid < o->last;
	o->last = f->tid;
	for (uint32_t i = 0; i < CHILDREN; i++)
		if (f->tgid == o->children[i] && f->it.file_ref == o->file_ref)
			o->told[i]++;
}

static void find_ref(const struct ev_head *head, void *arg)
{
	const struct ev_file *f = (const void *)head;
	struct order *o = arg;

	if (head->kind == EV_FILE && f->tgid == o->children[0] && f->it.class == EV_CLASS_EVENTFD)
		o->file_ref = f->it.file_ref;
}

static void see_each_once(struct probe *p, struct order *o)
{
	memset(o->told, 0, sizeof(o->told));
	o->last = 0;
	run(p, PROBE_FILES, &(struct probe_sink){ see_order, o });
	cr_assert_not(o->backward);
	for (uint32_t i = 0; i < CHILDREN; i++)
		cr_assert_eq(o->told[i], 1, "child %u: %u times", i, o->told[i]);
}

Test(probe, tells_each_file_once_and_by_number)
{
	_cleanup_close_ int fd = eventfd(0, EFD_CLOEXEC);
	_cleanup_probe_ struct probe *p = NULL;
	struct order o = { 0 };
	int ends[2];
	cpu_set_t one;

	cr_assert_eq(pipe(ends), 0);
	for (uint32_t i = 0; i < CHILDREN; i++)
		o.children[i] = child_start(read_empty_pipe, ends);
	p = open_probe();
	run(p, PROBE_FILES, &(struct probe_sink){ find_ref, &o });
	cr_assert_neq(o.file_ref, 0);
	for (int i = 0; i < 3; i++)
		see_each_once(p, &o);

	/* with one processor there is one iterator */
	CPU_ZERO(&one);
	CPU_SET((unsigned int)sched_getcpu(), &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	probe_free(p);
	p = open_probe();
	see_each_once(p, &o);
}
