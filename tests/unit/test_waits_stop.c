/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stops, freezes, faults, kernel locks, sleeps, signals, file locks, over hand-built snapshots.
 */
#include "lib/unit_child.h"
#include "lib/unit_scene.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

static struct scene *alone(void)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "patient");
	return x;
}

static void sleeps_in(struct scene *x, int32_t tid, const char *function)
{
	scene_task(x, tid)->wchan = strtab_add(x->snap->strings, function);
}

static const struct wait *decoded(struct scene *x, int32_t tid)
{
	scene_decode(x);
	return scene_wait(x, tid);
}

/* ---- stops ------------------------------------------------------------------------------------
 */

Test(waits_stop, a_signal_stop)
{
	struct scene *x = alone();

	scene_call(x, PID(1), SYS_read, 0)->state = 'T';
	const struct wait *w = decoded(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_STOP));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_STOPPED), 1));
	cr_assert(eq(int, (int)w->term_count, 1));
	scene_free(x);
}

Test(waits_stop, a_tracee_waits_for_its_tracer)
{
	struct scene *x = alone();

	scene_process(x, PID(2), PID(1), "gdb");
	scene_thread(x, PID(2), PID(3));
	scene_task(x, PID(1))->state = 't';
	scene_task(x, PID(1))->tracer = PID(3);
	const struct wait *w = decoded(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_PTRACE_STOP));
	cr_assert(scene_leads_to(x, w, TERM_ACTOR, PID(2)));
	scene_free(x);
	/* A tracer that cannot be seen. */
	x = alone();
	scene_task(x, PID(1))->state = 't';
	w = decoded(x, PID(1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_stop, a_frozen_process_whatever_it_seems_to_do)
{
	static const struct {
		const char *cgroup, *says;
	} rows[] = {
		{ "4:freezer:/job\n0::/\n", "cgroup /job" },
		{ "4:freezer:/\n0::/batch\n", "cgroup /batch" },
		{ "0::/batch/7\n", "cgroup /batch/7" },
		{ "", "cgroup " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene *x = alone();

		x->snap->processes.at[0].frozen = true;
		x->snap->processes.at[0].cgroup = strtab_add(x->snap->strings, rows[i].cgroup);
		scene_call(x, PID(1), SYS_read, 0);
		const struct wait *w = decoded(x, PID(1));
		cr_expect(eq(int, w->kind, WAIT_FREEZE));
		cr_expect(eq(int, (int)scene_terms(x, w, TERM_STOPPED), 1));
		cr_expect_not_null(strstr(scene_str(x, w->text), rows[i].says));
		scene_free(x);
	}
}

/* ---- served by somebody -----------------------------------------------------------------------
 */

Test(waits_stop, a_kernel_lock_leads_to_its_owner)
{
	struct scene *x = alone();

	scene_thread(x, PID(1), PID(2));
	scene_call(x, PID(1), SYS_write, 3)->state = 'D';
	scene_task(x, PID(1))->lock_owner = PID(2);
	scene_task(x, PID(1))->lock_kind = 1;
	const struct wait *w = decoded(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_KERNEL_LOCK));
	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert(eq(int, scene_term(x, w, TERM_THREAD)->as, AS_OWNER));
	scene_free(x);
}

/* The kernel notes the last reader only: others may hold it too. */
Test(waits_stop, a_kernel_rwsem_may_have_other_readers)
{
	struct scene *x = alone();

	scene_thread(x, PID(1), PID(2));
	scene_call(x, PID(1), SYS_mmap, 0)->state = 'D';
	scene_task(x, PID(1))->lock_owner = PID(2);
	scene_task(x, PID(1))->lock_kind = 4;
	const struct wait *w = decoded(x, PID(1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_THREAD), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_stop, a_kernel_lock_without_an_owner_is_unknown)
{
	struct scene *x = alone();

	scene_call(x, PID(1), SYS_write, 3)->state = 'D';
	sleeps_in(x, PID(1), "rwsem_down_write_slowpath");
	const struct wait *w = decoded(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_KERNEL_LOCK));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_stop, faults_and_supervised_calls_by_the_kernel_function)
{
	static const struct {
		const char *function;
		enum wait_type kind;
	} rows[] = {
		{ "handle_userfault", WAIT_USERFAULT },
		{ "seccomp_do_user_notification.isra.0", WAIT_SECCOMP },
		{ "request_wait_answer", WAIT_FUSE },
		{ "__break_lease", WAIT_LEASE },
		{ "folio_wait_bit_common", WAIT_DISK },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct scene *x = alone();

		scene_call(x, PID(1), SYS_getppid, 0)->state = 'D';
		sleeps_in(x, PID(1), rows[i].function);
		const struct wait *w = decoded(x, PID(1));
		cr_expect(eq(int, w->kind, rows[i].kind));
		cr_expect(gt(int, (int)w->term_count, 0));
		scene_free(x);
	}
}

Test(waits_stop, a_server_at_rest_waits_for_new_requests)
{
	struct scene *x = alone();

	scene_file(x, PID(1), 3, FILE_FUSE_DEV, MODE_READ | MODE_WRITE)->value = 42;
	scene_call(x, PID(1), SYS_read, 3);
	const struct wait *w = decoded(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_FUSE));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	cr_assert_not(w->completion);
	scene_free(x);
}

/* ---- time and signals -------------------------------------------------------------------------
 */

Test(waits_stop, sleeps)
{
	struct timespec day = { .tv_sec = 86400 }, ages = { .tv_sec = INT64_MAX };
	struct scene *x = scene_new();

	scene_process(x, getpid(), 0, "sleep");
	scene_call(x, getpid(), SYS_clock_nanosleep, CLOCK_MONOTONIC)->args[2] = HERE(&day);
	const struct wait *w = decoded(x, getpid());
	cr_assert(eq(int, w->kind, WAIT_SLEEP));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 1));
	cr_assert(eq(i64, w->timeout_ms, 86400000));
	scene_free(x);
	/* `sleep infinity` */
	x = scene_new();
	scene_process(x, getpid(), 0, "sleep");
	scene_call(x, getpid(), SYS_nanosleep, HERE(&ages));
	w = decoded(x, getpid());
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_TIME), 0));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	scene_free(x);
}

Test(waits_stop, an_interrupted_sleep_goes_on)
{
	struct scene *x = alone();
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	scene_call(x, PID(1), SYS_restart_syscall, 0)->restart_expires_ns =
		((uint64_t)now.tv_sec + 50) * 1000000000;
	sleeps_in(x, PID(1), "hrtimer_nanosleep");
	const struct wait *w = decoded(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_SLEEP));
	cr_assert(gt(i64, w->timeout_ms, 40000));
	cr_assert(le(i64, w->timeout_ms, 50000));
	scene_free(x);
}

Test(waits_stop, sigsuspend_may_end_by_a_child)
{
	uint64_t mask = ~(1ull << (SIGCHLD - 1));
	struct scene *x = scene_new();

	scene_process(x, getpid(), 0, "make");
	scene_process(x, PID(2), getpid(), "cc");
	scene_process(x, PID(3), getpid(), "ld")->exited = true;
	x->snap->processes.at[0].has_signals = true;
	x->snap->processes.at[0].sig_caught = 1ull << (SIGCHLD - 1);
	scene_call(x, getpid(), SYS_rt_sigsuspend, HERE(&mask));
	const struct wait *w = decoded(x, getpid());
	cr_assert(eq(int, w->kind, WAIT_SIGNAL));
	cr_assert(scene_leads_to(x, w, TERM_EXIT, PID(2)));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_EXIT), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_NEW), 1));
	cr_assert_not_null(strstr(scene_str(x, w->text), "SIGCHLD"));
	scene_free(x);
}

/* ---- file locks: true ones, for fdinfo and /proc/locks are the source --------------------------
 */

struct locked {
	char path[64];
	int (*lock)(int fd);
};

static int take_flock(int fd)
{
	return flock(fd, LOCK_EX);
}

static int take_record(int fd)
{
	struct flock l = { .l_type = F_WRLCK, .l_len = 10 };

	return fcntl(fd, F_SETLK, &l);
}

static void hold(void *arg)
{
	const struct locked *l = arg;
	int fd = open(l->path, O_RDWR);

	if (fd < 0 || l->lock(fd))
		_exit(1);
	for (;;)
		pause();
}

/* This process waits for the lock that a child has; both are processes of the scene. */
static struct scene *locking(struct locked *l, int32_t *holder, int nr)
{
	struct scene *x = scene_new();
	struct snap_file *f;
	struct stat st;
	int fd;

	snprintf(l->path, sizeof(l->path), "/tmp/snag-unit-%d", getpid());
	fd = open(l->path, O_RDWR | O_CREAT, 0600);
	cr_assert(eq(int, fstat(fd, &st), 0));
	*holder = child_start(hold, l);
	child_wait_syscall(*holder, *holder, SYS_pause);
	unlink(l->path);
	scene_process(x, getpid(), 0, "waiter");
	scene_process(x, *holder, getpid(), "holder");
	f = scene_file(x, getpid(), fd, FILE_REGULAR, MODE_READ | MODE_WRITE);
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	scene_call(x, getpid(), nr, (uint64_t)fd);
	return x;
}

Test(waits_stop, flock_finds_the_description)
{
	struct locked l = { .lock = take_flock };
	int32_t holder;
	struct scene *x = locking(&l, &holder, SYS_flock);

	scene_task(x, getpid())->args[1] = LOCK_EX;
	const struct wait *w = decoded(x, getpid());
	cr_assert(eq(int, w->kind, WAIT_FLOCK));
	cr_assert(w->completion);
	cr_assert(eq(int, (int)w->term_count, 1));
	cr_assert(scene_leads_to(x, w, TERM_OBJECT, holder));
	scene_free(x);
}

Test(waits_stop, a_record_lock_belongs_to_a_process)
{
	struct flock want = { .l_type = F_WRLCK, .l_start = 9, .l_len = 1 };
	struct locked l = { .lock = take_record };
	int32_t holder;
	struct scene *x = locking(&l, &holder, SYS_fcntl);

	scene_task(x, getpid())->args[1] = F_SETLKW;
	scene_task(x, getpid())->args[2] = HERE(&want);
	const struct wait *w = decoded(x, getpid());
	cr_assert(eq(int, w->kind, WAIT_RECORD_LOCK));
	cr_assert(scene_leads_to(x, w, TERM_ACTOR, holder));
	cr_assert_not_null(strstr(scene_str(x, w->text), "bytes 9 to 9"));
	scene_free(x);
	/* A byte that nobody has: then it is not this lock that it waits for. */
	want.l_start = 100;
	x = locking(&l, &holder, SYS_fcntl);
	scene_task(x, getpid())->args[1] = F_SETLKW;
	scene_task(x, getpid())->args[2] = HERE(&want);
	w = decoded(x, getpid());
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_ACTOR), 0));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}
