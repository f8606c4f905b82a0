/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Waits for processes: children in all forms, pidfds, vfork, exec, the init of a pid namespace.
 */
#include "lib/unit_scene.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { WNOTHREAD = 0x20000000, ID_PIDFD = 3 };

/* make(1) with two children: 2, which its own thread 5 forked, and 3 in a group of its own. */
static struct scene *family(int nr, uint64_t a0)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "make");
	scene_thread(x, PID(1), PID(5));
	scene_process(x, PID(2), PID(1), "cc")->forker = PID(5);
	scene_process(x, PID(3), PID(1), "ld")->forker = PID(1);
	x->snap->processes.at[1].pgrp = PID(1);
	scene_process(x, PID(4), PID(2), "as");
	scene_call(x, PID(1), nr, a0);
	return x;
}

static const struct wait *decoded(struct scene *x)
{
	scene_decode(x);
	return scene_wait(x, PID(1));
}

static void expect_exits(struct scene *x, const struct wait *w, bool second, bool third)
{
	cr_assert(eq(int, w->kind, WAIT_CHILD_EXIT));
	cr_assert(w->completion);
	cr_assert(eq(int, (int)w->need, 1));
	cr_assert(eq(int, scene_leads_to(x, w, TERM_EXIT, PID(2)), second));
	cr_assert(eq(int, scene_leads_to(x, w, TERM_EXIT, PID(3)), third));
	cr_assert(eq(int, (int)w->term_count, second + third));
}

Test(waits_process, wait4_of_one_child)
{
	struct scene *x = family(SYS_wait4, PID(2));
	const struct wait *w = decoded(x);

	expect_exits(x, w, true, false);
	cr_assert(eq(int, scene_term(x, w, TERM_EXIT)->as, AS_CHILD));
	cr_assert_not_null(strstr(scene_str(x, w->text), "5000002 (cc)"));
	scene_free(x);
}

Test(waits_process, wait4_of_any_child_of_any_thread)
{
	struct scene *x = family(SYS_wait4, (uint64_t)-1);

	expect_exits(x, decoded(x), true, true);
	scene_free(x);
}

Test(waits_process, wnothread_is_for_the_own_children)
{
	struct scene *x = family(SYS_wait4, (uint64_t)-1);

	scene_task(x, PID(1))->args[2] = WNOTHREAD;
	expect_exits(x, decoded(x), false, true);
	scene_free(x);
}

Test(waits_process, groups)
{
	struct scene *x = family(SYS_wait4, (uint64_t) - (int64_t)PID(3));

	expect_exits(x, decoded(x), false, true);
	scene_free(x);
	x = family(SYS_wait4, 0);
	expect_exits(x, decoded(x), true, false);
	scene_free(x);
	x = family(SYS_waitid, P_PGID);
	scene_task(x, PID(1))->args[1] = PID(3);
	scene_task(x, PID(1))->args[3] = WEXITED;
	expect_exits(x, decoded(x), false, true);
	scene_free(x);
}

Test(waits_process, waitid_of_one_and_of_all)
{
	struct scene *x = family(SYS_waitid, P_PID);

	scene_task(x, PID(1))->args[1] = PID(3);
	scene_task(x, PID(1))->args[3] = WEXITED;
	expect_exits(x, decoded(x), false, true);
	scene_free(x);
	x = family(SYS_waitid, P_ALL);
	scene_task(x, PID(1))->args[3] = WEXITED;
	expect_exits(x, decoded(x), true, true);
	scene_free(x);
}

Test(waits_process, a_zombie_ends_the_wait_at_once)
{
	struct scene *x = family(SYS_wait4, PID(2));

	x->snap->processes.at[1].exited = true;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
}

Test(waits_process, a_zombie_does_not_end_a_wait_for_stops)
{
	struct scene *x = family(SYS_waitid, P_ALL);

	x->snap->processes.at[1].exited = true;
	scene_task(x, PID(1))->args[3] = WSTOPPED;
	expect_exits(x, decoded(x), false, true);
	scene_free(x);
}

Test(waits_process, without_any_child_the_call_fails)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "lonely");
	scene_call(x, PID(1), SYS_wait4, (uint64_t)-1);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
}

Test(waits_process, somebody_elses_child_is_not_waited_for)
{
	struct scene *x = family(SYS_wait4, PID(4));
	const struct wait *w = decoded(x);

	cr_assert(eq(int, (int)scene_terms(x, w, TERM_EXIT), 0));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_UNKNOWN), 1));
	scene_free(x);
}

Test(waits_process, a_tracer_waits_for_its_tracees)
{
	struct scene *x = family(SYS_wait4, PID(4));

	scene_task(x, PID(4))->tracer = PID(1);
	const struct wait *w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_THREAD), 1));
	scene_free(x);
	x = family(SYS_wait4, (uint64_t)-1);
	scene_task(x, PID(4))->tracer = PID(5);
	w = decoded(x);
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_THREAD), 1));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_EXIT), 2));
	scene_free(x);
}

/* A number in the arguments is of the waiter's pid namespace. */
Test(waits_process, numbers_of_a_pid_namespace)
{
	struct scene *x = family(SYS_wait4, 2);

	for (uint32_t i = 0; i < 3; i++) {
		x->snap->processes.at[i].ns_tgid = (int32_t)i + 1;
		x->snap->processes.at[i].pid_ns = 4242;
	}
	expect_exits(x, decoded(x), true, false);
	scene_free(x);
}

/* ---- pidfd ---------------------------------------------------------------------------------- */

static struct snap_file *pidfd_of(struct scene *x, int64_t pid)
{
	struct snap_file *f = scene_file(x, PID(1), 9, FILE_PIDFD, MODE_READ | MODE_WRITE);

	f->value = (uint64_t)pid;
	return f;
}

Test(waits_process, waitid_names_a_pidfd)
{
	struct scene *x = family(SYS_waitid, ID_PIDFD);

	scene_task(x, PID(1))->args[1] = 9;
	scene_task(x, PID(1))->args[3] = WEXITED;
	pidfd_of(x, PID(3));
	const struct wait *w = decoded(x);
	expect_exits(x, w, false, true);
	cr_assert(eq(int, w->fd, 9));
	cr_assert(ne(int, (int)w->object, 0));
	scene_free(x);
}

Test(waits_process, a_pidfd_of_no_child_is_a_process_exit)
{
	struct scene *x = family(SYS_read, 9);

	pidfd_of(x, PID(4));
	const struct wait *w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_PROCESS_EXIT));
	cr_assert(scene_leads_to(x, w, TERM_EXIT, PID(4)));
	cr_assert(eq(int, scene_term(x, w, TERM_EXIT)->as, AS_PEER));
	scene_free(x);
}

Test(waits_process, pidfds_of_nobody)
{
	struct scene *x = family(SYS_read, 9);

	pidfd_of(x, -1);
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_NOW), 1));
	scene_free(x);
	x = family(SYS_read, 9);
	pidfd_of(x, 0); /* of a namespace that is not visible */
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
	x = family(SYS_read, 9);
	pidfd_of(x, PID(2))->details = false;
	cr_assert(eq(int, (int)scene_terms(x, decoded(x), TERM_UNKNOWN), 1));
	scene_free(x);
}

/* ---- vfork, exec, pid namespaces ------------------------------------------------------------ */

static struct scene *vforking(int nr, uint64_t flags, char state)
{
	struct scene *x = family(nr, flags);

	scene_task(x, PID(1))->state = state;
	return x;
}

Test(waits_process, vfork_waits_for_the_child_of_this_thread)
{
	struct scene *x = vforking(SYS_vfork, 0, 'D');
	const struct wait *w = decoded(x);

	cr_assert(eq(int, w->kind, WAIT_VFORK));
	cr_assert(scene_leads_to(x, w, TERM_ACTOR, PID(3)));
	cr_assert(eq(int, (int)w->term_count, 1));
	scene_free(x);
	x = vforking(SYS_clone, CLONE_VFORK | CLONE_VM, 'D');
	cr_assert(eq(int, decoded(x)->kind, WAIT_VFORK));
	scene_free(x);
}

Test(waits_process, the_kernels_mark_beats_a_guess)
{
	struct scene *x = vforking(SYS_vfork, 0, 'D');

	scene_process(x, PID(6), PID(1), "young")->forker = PID(1);
	x->snap->processes.at[2].vfork_child = true;
	cr_assert(scene_leads_to(x, decoded(x), TERM_ACTOR, PID(3)));
	scene_free(x);
}

Test(waits_process, a_clone_that_is_no_vfork)
{
	struct scene *x = vforking(SYS_clone, SIGCHLD, 'D');

	cr_assert(eq(int, decoded(x)->kind, WAIT_UNKNOWN));
	scene_free(x);
	x = vforking(SYS_vfork, 0, 'S');
	cr_assert(eq(int, decoded(x)->kind, WAIT_UNKNOWN));
	scene_free(x);
	/* clone3 with flags that cannot be read: nothing is assumed */
	x = vforking(SYS_clone3, 8, 'D');
	cr_assert(eq(int, decoded(x)->kind, WAIT_UNKNOWN));
	scene_free(x);
}

Test(waits_process, exec_needs_all_other_threads_to_die)
{
	struct scene *x = family(SYS_execve, 0);
	const struct wait *w;

	scene_thread(x, PID(1), PID(7));
	scene_thread(x, PID(1), PID(8))->state = 'Z';
	w = decoded(x);
	cr_assert(eq(int, w->kind, WAIT_EXEC));
	cr_assert(eq(int, (int)w->term_count, 2));
	cr_assert(eq(int, (int)w->need, 2));
	cr_assert(eq(int, (int)scene_terms(x, w, TERM_THREAD), 2));
	scene_free(x);
}

Test(waits_process, exec_that_waits_for_something_else)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "sh");
	scene_call(x, PID(1), SYS_execve, 0);
	cr_assert(eq(int, decoded(x)->kind, WAIT_UNKNOWN));
	scene_free(x);
	x = family(SYS_execve, 0);
	scene_task(x, PID(1))->wchan = strtab_add(x->snap->strings, "folio_wait_bit_common");
	cr_assert(eq(int, decoded(x)->kind, WAIT_UNKNOWN));
	scene_free(x);
}

/* The init of a namespace with a living process and a zombie whose parent lives outside. */
static struct scene *dying_namespace(bool wchan)
{
	struct scene *x = scene_new();

	scene_process(x, PID(1), 0, "nsenter");
	scene_process(x, PID(2), PID(1), "init");
	scene_process(x, PID(3), PID(2), "worker");
	scene_process(x, PID(4), PID(1), "shell")->exited = true;
	for (uint32_t i = 1; i < 4; i++) {
		x->snap->processes.at[i].pid_ns = 4242;
		x->snap->processes.at[i].ns_tgid = (int32_t)i;
	}
	scene_task(x, PID(4))->state = 'Z';
	if (wchan)
		scene_task(x, PID(2))->wchan = strtab_add(x->snap->strings, "zap_pid_ns_processes");
	else
		scene_call(x, PID(2), SYS_exit_group, 0);
	return x;
}

Test(waits_process, the_init_of_a_namespace_stays_for_all)
{
	for (int wchan = 0; wchan < 2; wchan++) {
		struct scene *x = dying_namespace(wchan);
		const struct wait *w;

		scene_decode(x);
		w = scene_wait(x, PID(2));
		cr_assert(eq(int, w->kind, WAIT_PIDNS_EXIT));
		cr_assert(eq(int, (int)w->need, 2));
		cr_assert(scene_leads_to(x, w, TERM_EXIT, PID(3)));
		cr_assert(scene_leads_to(x, w, TERM_ACTOR, PID(1)));
		scene_free(x);
	}
}
