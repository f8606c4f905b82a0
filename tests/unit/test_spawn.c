/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/spawn.h"

#include "lib/unit_scene.h"
#include "model/from_read.h"

#include <criterion/criterion.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/syscall.h>

static struct scene *x;

static void setup(void)
{
	x = scene_new();
}

static void teardown(void)
{
	scene_free(x);
}

TestSuite(spawn, .init = setup, .fini = teardown);

static const struct actor *actor(int n)
{
	uint32_t id = model_find_pid(x->model, PID(n));

	cr_assert_neq(id, 0);
	return model_actor(x->model, id);
}

static void find(void)
{
	snapshot_index(x->snap);
	x->model = model_new();
	model_from_read(x->model, x->snap);
}

static void expect(int n, enum spawn_method method, const char *evidence)
{
	const struct actor *a = actor(n);

	cr_assert_eq(a->spawn_method, method, "%s", spawn_method_name(a->spawn_method));
	cr_assert_not_null(strstr(model_str(x->model, a->spawn_evidence), evidence), "%s",
			   model_str(x->model, a->spawn_evidence));
}

Test(spawn, the_flag_of_the_kernel_tells_exec)
{
	scene_forked(x, 1, 0, false);
	scene_forked(x, 2, 1, true);
	scene_forked(x, 3, 1, false);
	find();
	expect(2, SPAWN_FORK, "PF_FORKNOEXEC is set");
	expect(3, SPAWN_FORK_EXEC, "PF_FORKNOEXEC is clear");
	cr_assert_eq(actor(3)->spawn_by_pid, PID(1));
	expect(1, SPAWN_FORK_EXEC, "who forked it is unknown");
	cr_assert_eq(actor(1)->spawn_by_pid, 0);
}

Test(spawn, addresses_tell_exec_where_the_flag_is_unknown)
{
	struct snap_process *p = scene_forked(x, 1, 0, false);

	p->arg_start = 0x7ff000;
	p->start_stack = 0x7fe000;
	p = scene_forked(x, 2, 1, false);
	p->fork_no_exec_known = false;
	p->arg_start = 0x7ff000;
	p->start_stack = 0x7fe000;
	p = scene_forked(x, 3, 1, false);
	p->fork_no_exec_known = false;
	p->arg_start = 0x7aa000;
	p->start_stack = 0x7a0000;
	scene_forked(x, 4, 1, false)->fork_no_exec_known = false;
	find();
	expect(2, SPAWN_FORK, "where its parent's are");
	expect(3, SPAWN_FORK_EXEC, "not where its parent's are");
	expect(4, SPAWN_UNKNOWN, "cannot be read");
}

Test(spawn, a_thread_that_forks_is_named)
{
	scene_forked(x, 1, 0, false);
	scene_thread(x, PID(1), PID(50));
	scene_forked(x, 2, 1, true)->forker = PID(50);
	scene_forked(x, 3, 1, true)->forker = PID(1);
	scene_forked(x, 4, 1, false)->forker = PID(50);
	find();
	expect(2, SPAWN_THREAD_FORK, "forked by thread 5000050");
	cr_assert_eq(actor(2)->spawn_by_tid, PID(50));
	expect(3, SPAWN_FORK, "");
	expect(4, SPAWN_FORK_EXEC, "");
	cr_assert_eq(actor(4)->spawn_by_tid, PID(50));
}

Test(spawn, vfork_is_seen_while_the_parent_waits)
{
	scene_forked(x, 1, 0, false);
	scene_call(x, PID(1), SYS_clone, CLONE_VM | CLONE_VFORK);
	scene_forked(x, 2, 1, true);
	scene_forked(x, 3, 1, true);
	scene_forked(x, 4, 0, false);
	scene_call(x, PID(4), SYS_clone, CLONE_VM);
	scene_forked(x, 5, 4, true);
	scene_forked(x, 6, 4, true)->vfork_child = true;
	find();
	expect(2, SPAWN_FORK, "");
	expect(3, SPAWN_VFORK_EXEC, "youngest child");
	expect(5, SPAWN_FORK, "");
	expect(6, SPAWN_VFORK_EXEC, "vfork_done");
}

Test(spawn, posix_spawn_is_seen_by_the_thread_that_calls_it)
{
	scene_forked(x, 1, 0, false);
	scene_thread(x, PID(1), PID(50));
	scene_call(x, PID(50), SYS_clone3, 0x1000)->state = 'D';
	scene_forked(x, 2, 1, true)->forker = PID(50);
	scene_forked(x, 3, 1, true)->forker = PID(1);
	scene_forked(x, 4, 1, false)->forker = PID(50);
	find();
	expect(2, SPAWN_VFORK_EXEC, "the thread that forked it");
	expect(3, SPAWN_FORK, "");
	expect(4, SPAWN_FORK_EXEC, "");
}

Test(spawn, an_adopted_process_names_nobody)
{
	struct snap_process *p;

	scene_forked(x, 1, 0, false);
	p = scene_forked(x, 2, 1, false);
	p->joined = true;
	p->joined_why = "session";
	scene_forked(x, 3, 2, true)->start_ticks = 1;
	find();
	expect(2, SPAWN_FORK_EXEC, "who forked it is unknown");
	cr_assert_eq(actor(2)->spawn_by_pid, 0);
	expect(3, SPAWN_FORK, "who forked it is unknown");
}

Test(spawn, multiprocessing_is_recognised_by_its_arguments)
{
	struct snap_process *p;

	scene_forked(x, 1, 0, false);
	p = scene_forked(x, 2, 1, false);
	p->argv = strtab_add(x->snap->strings,
			     "python3\x1f-c\x1f"
			     "from multiprocessing.forkserver import main; main(5, 6, [])");
	scene_forked(x, 3, 2, true);
	p = scene_forked(x, 4, 1, false);
	p->argv = strtab_add(
		x->snap->strings,
		"python3\x1f-c\x1f"
		"from multiprocessing.spawn import spawn_main; spawn_main(pipe_handle=7)");
	p = scene_forked(x, 5, 1, false);
	p->argv = strtab_add(x->snap->strings, "python3\x1fserver.py");
	scene_forked(x, 6, 5, true);
	p = scene_forked(x, 7, 1, false);
	p->argv = strtab_add(x->snap->strings,
			     "python3\x1f-c\x1f"
			     "from multiprocessing.resource_tracker import main;main(5)");
	find();
	expect(2, SPAWN_FORK_EXEC, "");
	cr_assert_str_eq(model_str(x->model, actor(2)->spawn_backend),
			 "multiprocessing forkserver-server");
	cr_assert_str_eq(model_str(x->model, actor(7)->spawn_backend),
			 "multiprocessing resource-tracker");
	expect(3, SPAWN_FORKSERVER, "fork server");
	cr_assert_str_eq(model_str(x->model, actor(3)->spawn_backend),
			 "multiprocessing forkserver");
	cr_assert_eq(actor(3)->spawn_requested_by, model_find_pid(x->model, PID(1)));
	cr_assert_str_eq(model_str(x->model, actor(4)->spawn_backend), "multiprocessing spawn");
	cr_assert_eq(actor(5)->spawn_backend, 0);
	expect(6, SPAWN_FORK, "");
}
