/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dispatcher and the helpers that all kinds of wait use: who is decoded at all, what nobody
 * knows, reads of memory, time-outs, and which open files are the same.
 */
#include "lib/unit_scene.h"
#include "waits/find.h"
#include "waits/paths.h"
#include "waits/wait_ctx.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static struct scene *one_call(int nr, uint64_t arg)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "one");
	scene_call(x, PID(1), nr, arg);
	return x;
}

/* ---- the dispatcher ------------------------------------------------------------------------- */

Test(waits, who_runs_or_is_dead_waits_for_nothing)
{
	struct scene *x = scene_new();
	static const char states[] = { 'R', 'Z', 'X' };

	for (int i = 0; i < 3; i++) {
		scene_process(x, PID(1 + i), i ? PID(1) : 0, "p");
		scene_task(x, PID(1 + i))->state = states[i];
	}
	scene_process(x, PID(8), PID(1), "p");
	scene_task(x, PID(8))->on_cpu = true;
	scene_decode(x);
	cr_assert(eq(int, (int)x->model->waits.count, 0));
	scene_free(x);
}

Test(waits, outsiders_are_not_decoded)
{
	struct scene *x = one_call(SYS_pause, 0);

	scene_outsider(x, PID(9), "sshd");
	scene_thread(x, PID(9), PID(9));
	scene_decode(x);
	cr_assert(eq(int, (int)x->model->waits.count, 1));
	scene_free(x);
}

Test(waits, a_call_that_nobody_decodes_is_named)
{
	struct scene *x = one_call(SYS_reboot, 0);
	const struct wait *w;

	scene_decode(x);
	w = scene_wait(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_UNKNOWN));
	cr_assert(eq(str, (char *)scene_str(x, w->op), "reboot"));
	cr_assert(eq(str, (char *)scene_str(x, scene_term(x, w, TERM_UNKNOWN)->text),
		     "system call reboot is not decoded"));
	scene_free(x);
}

Test(waits, a_number_beyond_the_table_keeps_its_number)
{
	static const int numbers[] = { 4095, -7, INT32_MAX };

	for (int i = 0; i < 3; i++) {
		struct scene *x = one_call(numbers[i], 0);
		char op[32];

		snprintf(op, sizeof(op), "syscall_%d", numbers[i]);
		scene_decode(x);
		cr_assert(eq(str, (char *)scene_str(x, scene_wait(x, PID(1))->op), op));
		scene_free(x);
	}
}

Test(waits, a_32_bit_call_is_not_taken_for_another_one)
{
	struct scene *x = one_call(SYS_read, 0); /* 0 is restart_syscall of i386 */

	scene_task(x, PID(1))->compat = true;
	scene_decode(x);
	cr_assert(eq(int, scene_wait(x, PID(1))->kind, WAIT_UNKNOWN));
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, PID(1)), TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits, what_may_not_be_read_says_so)
{
	struct scene *x = scene_new();
	const struct wait *w;

	scene_process(x, PID(1), 0, "one")->denied = true;
	scene_decode(x);
	w = scene_wait(x, PID(1));
	cr_assert(eq(int, w->kind, WAIT_UNKNOWN));
	cr_assert_not_null(
		strstr(scene_str(x, scene_term(x, w, TERM_UNKNOWN)->text), "permission denied"));
	scene_free(x);
}

Test(waits, a_restarted_call_has_a_deadline_only_if_the_kernel_says_so)
{
	struct scene *x = one_call(219, 0);

	scene_thread(x, PID(1), PID(2));
	scene_call(x, PID(2), 219, 0)->restart_expires_ns = 1;
	scene_decode(x);
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, PID(1)), TERM_UNKNOWN), 1));
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, PID(2)), TERM_TIME), 1));
	scene_free(x);
}

Test(waits, since_when_counts_from_the_snapshot)
{
	struct scene *x = one_call(SYS_pause, 0);

	scene_task(x, PID(1))->since_ns = x->snap->taken_boottime_ns - 2500000000;
	scene_thread(x, PID(1), PID(2))->since_ns = x->snap->taken_boottime_ns + 1;
	scene_call(x, PID(2), SYS_pause, 0);
	scene_decode(x);
	cr_assert(eq(u64, scene_wait(x, PID(1))->since_ms, 2500));
	cr_assert(eq(u64, scene_wait(x, PID(2))->since_ms, UINT64_MAX));
	scene_free(x);
}

Test(waits, a_descriptor_that_is_not_there)
{
	struct scene *x = one_call(SYS_read, 77);
	const struct wait *w;

	scene_decode(x);
	w = scene_wait(x, PID(1));
	cr_assert(eq(int, w->fd, 77));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}

/* ---- time ----------------------------------------------------------------------------------- */

/* A thread of this very process in ppoll() of nothing, so that its time-out can be read. */
static struct scene *ppoll_for(const struct timespec *ts)
{
	struct scene *x = scene_new();

	scene_process(x, getpid(), 0, "self");
	scene_call(x, getpid(), SYS_ppoll, 0)->args[2] = HERE(ts);
	return x;
}

Test(waits, a_time_out_shrinks_while_it_is_waited_for)
{
	struct timespec ts = { .tv_sec = 10, .tv_nsec = 500000000 };
	struct scene *x = ppoll_for(&ts);

	scene_task(x, getpid())->since_ns = x->snap->taken_boottime_ns - 4000000000;
	scene_decode(x);
	cr_assert(eq(i64, scene_wait(x, getpid())->timeout_ms, 6500));
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, getpid()), TERM_TIME), 1));
	scene_free(x);
}

Test(waits, a_time_out_that_is_over_is_zero)
{
	struct timespec ts = { .tv_sec = 1 };
	struct scene *x = ppoll_for(&ts);

	scene_task(x, getpid())->since_ns = x->snap->taken_boottime_ns - 4000000000;
	scene_decode(x);
	cr_assert(eq(i64, scene_wait(x, getpid())->timeout_ms, 0));
	scene_free(x);
}

Test(waits, a_time_out_of_ages_is_none)
{
	static const int64_t seconds[] = { INT64_MAX, INT64_MAX / 1000, 4000000000 };

	for (int i = 0; i < 3; i++) {
		struct timespec ts = { .tv_sec = seconds[i] };
		struct scene *x = ppoll_for(&ts);

		scene_decode(x);
		cr_assert(eq(i64, scene_wait(x, getpid())->timeout_ms, -1));
		cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, getpid()), TERM_TIME), 0));
		scene_free(x);
	}
}

Test(waits, a_broken_time_out_is_unknown)
{
	static const struct timespec broken[] = { { -1, 0 }, { 0, -1 }, { 0, 1000000000 } };

	for (int i = 0; i < 3; i++) {
		struct scene *x = ppoll_for(&broken[i]);

		scene_decode(x);
		cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, getpid()), TERM_UNKNOWN), 1));
		scene_free(x);
	}
	struct scene *x = ppoll_for((const struct timespec *)16);
	scene_decode(x);
	cr_assert(eq(int, (int)scene_terms(x, scene_wait(x, getpid()), TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits, an_absolute_time_out_is_of_its_clock)
{
	struct timespec ts;
	struct scene *x = scene_new();
	struct wait_site site;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += 100;
	scene_process(x, getpid(), 0, "self");
	scene_decode(x);
	site = (struct wait_site){ .task = snapshot_task(x->snap, getpid()),
				   .process = snapshot_process(x->snap, getpid()),
				   .thread = 1,
				   .wait = model_add_wait(x->model, 1, 0) };
	wait_timeout_at(x->ctx, &site, HERE(&ts), true, CLOCK_MONOTONIC);
	cr_assert(model_wait(x->model, site.wait)->timeout_ms > 90000);
	cr_assert(model_wait(x->model, site.wait)->timeout_ms <= 100000);
	scene_free(x);
}

/* ---- memory --------------------------------------------------------------------------------- */

Test(waits, a_string_may_end_where_the_mapping_ends)
{
	long page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	struct scene *x = scene_new();
	char text[64];

	cr_assert(p != MAP_FAILED);
	munmap(p + page, (size_t)page);
	memcpy(p + page - 6, "/fifo", 6);
	scene_process(x, getpid(), 0, "self");
	scene_decode(x);
	cr_assert(
		eq(int, wait_mem_str(x->ctx, getpid(), HERE(p + page - 6), text, sizeof(text)), 0));
	cr_assert(eq(str, text, "/fifo"));
	memset(p, 'x', (size_t)page);
	cr_assert(lt(int, wait_mem_str(x->ctx, getpid(), HERE(p + page), text, sizeof(text)), 0));
	scene_free(x);
}

Test(waits, a_string_without_an_end_is_cut)
{
	static char many[8192];
	struct scene *x = scene_new();
	char text[5000];

	memset(many, 'x', sizeof(many));
	scene_process(x, getpid(), 0, "self");
	scene_decode(x);
	cr_assert(eq(int, wait_mem_str(x->ctx, getpid(), HERE(many), text, sizeof(text)), 0));
	cr_assert(eq(sz, strlen(text), sizeof(text) - 1));
	scene_free(x);
}

Test(waits, a_path_is_looked_up_where_its_process_is)
{
	struct stat st, truth;

	cr_assert(eq(int, stat("/etc/passwd", &truth), 0));
	cr_assert(eq(int, path_stat(getpid(), AT_FDCWD, "/etc/passwd", &st), 0));
	cr_assert(eq(u64, st.st_ino, truth.st_ino));
	int dir = open("/etc", O_RDONLY | O_DIRECTORY);
	cr_assert(eq(int, path_stat(getpid(), dir, "passwd", &st), 0));
	cr_assert(eq(u64, st.st_ino, truth.st_ino));
	close(dir);
	cr_assert(eq(int, path_stat(getpid(), AT_FDCWD, "/no/such/file", &st), -ENOENT));
	cr_assert(lt(int, path_stat(PID(1), AT_FDCWD, "/etc", &st), 0));
}

/* ---- which files are the same --------------------------------------------------------------- */

Test(waits, anonymous_inodes_are_not_told_apart_by_number)
{
	struct snap_file a = { .kind = FILE_EVENTFD, .dev = 14, .ino = 9, .id = 1 };
	struct snap_file b = a, pipe = { .kind = FILE_PIPE, .dev = 14, .ino = 9 };
	struct find_target t = find_of_file(&a);

	cr_assert(find_is(&t, &b));
	b.id = 2;
	cr_assert_not(find_is(&t, &b));
	b.id = t.id = 0;
	cr_assert_not(find_is(&t, &b));
	b.description = t.description = 5;
	cr_assert(find_is(&t, &b));
	cr_assert_not(find_is(&t, &pipe));
	t = find_of_file(&pipe);
	cr_assert(find_is(&t, &pipe));
	pipe.dev = 15;
	cr_assert_not(find_is(&t, &pipe));
}

Test(waits, all_holders_are_found)
{
	struct scene *x = scene_new();
	struct find_target t = find_of_sock(700);
	const struct snap_file *f = NULL;
	uint32_t count = 0;

	for (int i = 1; i <= 50; i++) {
		scene_process(x, PID(i), i > 1 ? PID(1) : 0, "p");
		scene_file(x, PID(i), 3, FILE_SOCKET, MODE_READ | MODE_WRITE)->ino =
			i % 2 ? 700 : (uint64_t)i;
	}
	scene_decode(x);
	while ((f = find_next(x->ctx, &t, f)))
		count += f->ino == 700;
	cr_assert(eq(int, (int)count, 25));
	t = find_of_sock(99999);
	cr_assert_null(find_next(x->ctx, &t, NULL));
	scene_free(x);
}

Test(waits, a_tid_that_does_not_exist_never_acts)
{
	struct scene *x = one_call(SYS_pause, 0);
	uint32_t wait;

	scene_process(x, PID(2), PID(1), "zombie")->exited = true;
	scene_task(x, PID(2))->state = 'Z';
	scene_outsider(x, PID(9), "far");
	scene_decode(x);
	wait = model_add_wait(x->model, 1, 0);
	wait_term_tid(x->ctx, wait, PID(77), AS_OWNER);
	wait_term_tid(x->ctx, wait, PID(2), AS_OWNER);
	wait_term_tid(x->ctx, wait, 0, AS_OWNER);
	cr_assert(eq(int, (int)scene_terms(x, model_wait(x->model, wait), TERM_NEVER), 3));
	wait = model_add_wait(x->model, 1, 0);
	wait_term_tid(x->ctx, wait, PID(1), AS_OWNER);
	wait_term_tid(x->ctx, wait, PID(9), AS_OWNER);
	cr_assert(eq(int, (int)scene_terms(x, model_wait(x->model, wait), TERM_THREAD), 1));
	cr_assert(scene_leads_to(x, model_wait(x->model, wait), TERM_ACTOR, PID(9)));
	scene_free(x);
}
