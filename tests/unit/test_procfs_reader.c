/* SPDX-License-Identifier: BSD-2-Clause */
#include "read/reader.h"

#include "lib/unit_child.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What a test looks at: one child, through the procfs reader. */
struct look {
	struct reader *reader;
	struct snapshot *s;
	int32_t tgid;
};

static void look_at(struct look *l, int32_t tgid)
{
	const struct read_scope scope = { .roots = &tgid, .root_count = 1 };
	struct snag_error err = SNAG_ERROR_INIT;

	l->tgid = tgid;
	cr_assert_eq(reader_open("procfs", &l->reader, &err), 0, "%s", err.text);
	cr_assert_eq(reader_begin(l->reader, &scope, &l->s, &err), 0, "%s", err.text);
	cr_assert_eq(reader_files(l->reader, l->s, &err), 0, "%s", err.text);
}

static void look_again(struct look *l)
{
	cr_assert_eq(reader_finish(l->reader, l->s, NULL), 0);
}

static void look_release(struct look *l)
{
	snapshot_free(l->s);
	reader_free(l->reader);
	child_end(l->tgid);
}

static int gate[2];

static void *read_gate(void *arg)
{
	char c;

	while (read(gate[0], &c, 1) == 1 && c != 'q')
		;
	return arg;
}

static void *pause_thread(void *arg)
{
	pause();
	return arg;
}

static void wait_for_ever(void *arg)
{
	(void)arg;
	pause();
}

static void two_threads(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, read_gate, arg);
	pause();
}

Test(procfs_reader, blocked_threads_and_their_calls)
{
	struct look l = { .s = NULL };
	const struct snap_process *p;
	const struct snap_task *t;
	int32_t tgid, tid;

	cr_assert_eq(pipe(gate), 0);
	tgid = child_start(two_threads, NULL);
	tid = child_wait_thread(tgid);
	child_wait_syscall(tgid, tid, SYS_read);
	child_wait_syscall(tgid, tgid, SYS_pause);
	look_at(&l, tgid);
	p = snapshot_process(l.s, tgid);
	cr_assert_eq(p->task_count, 2);
	cr_assert_eq(p->ppid, getpid());
	cr_assert_eq(p->state, 'S');
	cr_assert_eq(p->uid, getuid());
	cr_assert(p->in_tree && p->fork_no_exec && p->fork_no_exec_known);
	cr_assert_not(p->denied || p->vanished || p->exited || p->frozen);
	cr_assert_neq(p->pid_ns, 0);
	cr_assert_neq(p->net_ns, 0);
	cr_assert_eq(p->exit_code, -1);
	cr_assert_neq(p->io_bytes, SNAP_UNKNOWN_U64);
	t = snapshot_task(l.s, tid);
	cr_assert(t->has_syscall && !t->compat && !t->in_fault);
	cr_assert_eq(t->nr, SYS_read);
	cr_assert_eq(t->args[0], (uint64_t)gate[0]);
	cr_assert_eq(t->args[2], 1);
	cr_assert_neq(t->sp, 0);
	cr_assert_eq(snapshot_task(l.s, tgid)->nr, SYS_pause);
	look_again(&l);
	cr_assert_not(t->moved || t->gone);
	cr_assert_not(snapshot_task(l.s, tgid)->moved);
	look_release(&l);
}

Test(procfs_reader, a_thread_that_ran_in_between_moved)
{
	struct look l = { .s = NULL };
	int32_t tgid, tid;

	cr_assert_eq(pipe(gate), 0);
	tgid = child_start(two_threads, NULL);
	tid = child_wait_thread(tgid);
	child_wait_syscall(tgid, tid, SYS_read);
	child_wait_syscall(tgid, tgid, SYS_pause);
	look_at(&l, tgid);
	cr_assert_eq(write(gate[1], "x", 1), 1);
	for (int i = 0; i < 5000 && !snapshot_task(l.s, tid)->moved; i++) {
		usleep(1000);
		look_again(&l); /* in the very same call again, and yet */
	}
	cr_assert(snapshot_task(l.s, tid)->moved);
	cr_assert_not(snapshot_task(l.s, tid)->gone);
	cr_assert_not(snapshot_task(l.s, tgid)->moved);
	cr_assert_eq(write(gate[1], "q", 1), 1);
	for (int i = 0; i < 5000 && !snapshot_task(l.s, tid)->gone; i++) {
		usleep(1000);
		look_again(&l);
	}
	cr_assert(snapshot_task(l.s, tid)->gone);
	look_release(&l);
}

static void new_thread_on_signal(int sig)
{
	pthread_t t;

	(void)sig;
	pthread_create(&t, NULL, pause_thread, NULL);
}

static void wait_signals(void *arg)
{
	(void)arg;
	signal(SIGUSR1, new_thread_on_signal);
	for (;;)
		pause();
}

Test(procfs_reader, a_new_thread_sets_the_leader_moved)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(wait_signals, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	look_at(&l, tgid);
	look_again(&l);
	cr_assert_not(snapshot_task(l.s, tgid)->moved);
	kill(tgid, SIGUSR1);
	child_wait_thread(tgid);
	look_again(&l);
	cr_assert(snapshot_task(l.s, tgid)->moved);
	look_release(&l);
}

static void spin(void *arg)
{
	(void)arg;
	for (volatile int i = 0;; i++)
		;
}

Test(procfs_reader, a_running_thread_is_never_at_rest)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(spin, NULL);

	child_wait_state(tgid, tgid, 'R');
	look_at(&l, tgid);
	cr_assert_not(snapshot_task(l.s, tgid)->has_syscall);
	look_again(&l);
	cr_assert(snapshot_task(l.s, tgid)->moved);
	look_release(&l);
}

static void strange_name(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, ") R 1 (1) \n");
	pause();
}

Test(procfs_reader, a_strange_name)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(strange_name, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	look_at(&l, tgid);
	cr_assert_str_eq(snapshot_process(l.s, tgid)->comm, ") R 1 (1) \n");
	cr_assert_eq(snapshot_task(l.s, tgid)->state, 'S');
	look_release(&l);
}

static void leader_leaves(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, read_gate, arg);
	pthread_exit(NULL);
}

Test(procfs_reader, a_zombie_leader_with_a_live_thread)
{
	struct look l = { .s = NULL };
	int32_t tgid, tid;

	cr_assert_eq(pipe(gate), 0);
	tgid = child_start(leader_leaves, NULL);
	child_wait_state(tgid, tgid, 'Z');
	tid = child_wait_thread(tgid);
	child_wait_syscall(tgid, tid, SYS_read);
	look_at(&l, tgid);
	cr_assert_eq(snapshot_process(l.s, tgid)->state, 'Z');
	cr_assert_not(snapshot_process(l.s, tgid)->exited);
	cr_assert_eq(snapshot_task(l.s, tid)->nr, SYS_read);
	cr_assert_not_null(snapshot_file(l.s, tgid, gate[0]), "its thread still has the files");
	cr_assert_eq(snapshot_file(l.s, tgid, gate[0])->kind, FILE_PIPE);
	look_release(&l);
}

static void leave(void *arg)
{
	(void)arg;
	_exit(3);
}

Test(procfs_reader, a_zombie)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(leave, NULL);

	child_wait_state(tgid, tgid, 'Z');
	look_at(&l, tgid);
	cr_assert(snapshot_process(l.s, tgid)->exited);
	cr_assert_eq(snapshot_process(l.s, tgid)->exit_code, 3 << 8);
	cr_assert_eq(snapshot_process(l.s, tgid)->file_count, 0);
	look_again(&l);
	cr_assert_not(snapshot_task(l.s, tgid)->moved);
	look_release(&l);
}

static void *fork_here(void *arg)
{
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
	}
	pause();
	return arg;
}

static void thread_forks(void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, fork_here, arg);
	pause();
}

static void vfork_and_stay(void *arg)
{
	(void)arg;
	if (!vfork())
		syscall(SYS_pause);
	_exit(0);
}

/* The only child of `tgid`, once it is in pause(2). */
static int32_t child_of(int32_t tgid)
{
	for (int i = 0; i < 5000; i++) {
		_cleanup_reader_ struct reader *r = NULL;
		_cleanup_snapshot_ struct snapshot *s = NULL;
		const struct read_scope scope = { .roots = &tgid, .root_count = 1 };

		cr_assert_eq(reader_open("procfs", &r, NULL), 0);
		cr_assert_eq(reader_begin(r, &scope, &s, NULL), 0);
		cr_assert_eq(reader_files(r, s, NULL), 0);
		for (uint32_t k = 0; k < s->processes.count; k++)
			if (s->processes.at[k].ppid == tgid)
				return s->processes.at[k].tgid;
		usleep(1000);
	}
	cr_assert(false, "no child");
	return 0;
}

Test(procfs_reader, who_forked_whom)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(thread_forks, NULL), tid = child_wait_thread(tgid);
	int32_t child = child_of(tgid);

	child_wait_syscall(child, child, SYS_pause);
	look_at(&l, tgid);
	cr_assert(snapshot_process(l.s, child)->in_tree);
	if (access("/proc/thread-self/children", R_OK) == 0)
		cr_assert_eq(snapshot_process(l.s, child)->forker, tid);
	cr_assert_neq(snapshot_process(l.s, child)->mm, snapshot_process(l.s, tgid)->mm);
	cr_assert_not(snapshot_process(l.s, child)->vfork_child);
	look_release(&l);
}

Test(procfs_reader, a_vfork_child_shares_the_memory)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(vfork_and_stay, NULL), child = child_of(tgid);

	child_wait_syscall(child, child, SYS_pause);
	child_wait_state(tgid, tgid, 'D');
	look_at(&l, tgid);
	cr_assert_eq(snapshot_process(l.s, child)->mm, snapshot_process(l.s, tgid)->mm);
	cr_assert(snapshot_process(l.s, child)->vfork_child);
	cr_assert_eq(snapshot_task(l.s, tgid)->nr, SYS_vfork);
	look_release(&l);
	kill(child, SIGKILL);
}

static void blocked_signal(void *arg)
{
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR1, new_thread_on_signal);
	kill(getpid(), SIGUSR2);
	raise(SIGSTOP);
	pause();
}

Test(procfs_reader, signals_and_stops)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(blocked_signal, NULL);
	const struct snap_process *p;

	child_wait_state(tgid, tgid, 'T');
	look_at(&l, tgid);
	p = snapshot_process(l.s, tgid);
	cr_assert(p->has_signals);
	cr_assert(p->sig_pending & 1ull << (SIGUSR2 - 1));
	cr_assert(p->sig_ignored & 1ull << (SIGHUP - 1));
	cr_assert(p->sig_caught & 1ull << (SIGUSR1 - 1));
	cr_assert(snapshot_task(l.s, tgid)->has_signals);
	cr_assert(snapshot_task(l.s, tgid)->sig_blocked & 1ull << (SIGUSR2 - 1));
	cr_assert_eq(snapshot_task(l.s, tgid)->state, 'T');
	cr_assert_eq(snapshot_task(l.s, tgid)->tracer, 0);
	look_release(&l);
}

static void with_timer(void *arg)
{
	struct itimerspec in = { .it_value = { 1000, 0 } };
	timer_t timer;

	(void)arg;
	timer_create(CLOCK_MONOTONIC, NULL, &timer);
	timer_settime(timer, 0, &in, NULL);
	pause();
}

Test(procfs_reader, posix_timers_are_counted)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(with_timer, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	look_at(&l, tgid);
	if (access("/proc/self/timers", R_OK) == 0)
		cr_assert_eq(snapshot_process(l.s, tgid)->posix_timers, 1);
	cr_assert_not(snapshot_process(l.s, tgid)->itimer_known);
	look_release(&l);
}

Test(procfs_reader, a_process_that_ends_meanwhile_is_data)
{
	struct look l = { .s = NULL };
	int32_t tgid = child_start(wait_for_ever, NULL);

	child_wait_syscall(tgid, tgid, SYS_pause);
	look_at(&l, tgid);
	child_end(tgid);
	look_again(&l);
	cr_assert(snapshot_task(l.s, tgid)->gone);
	cr_assert(snapshot_task(l.s, tgid)->moved);
	snapshot_free(l.s);
	reader_free(l.reader);
}
