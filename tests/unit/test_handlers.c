/* SPDX-License-Identifier: BSD-2-Clause */
#include "probe/handlers.h"

#include "base/alloc.h"
#include "lib/unit_bpf.h"
#include "probe/kernel_types.h"
#include "probe/probe.h"
#include "probe/stacks.h"

#include <criterion/criterion.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "snapshot_tasks.skel.h"

enum { MANY = 4096 };

/* Whoever still reads what was freed before reads this. */
static void spoil_freed_memory(void)
{
	static void *volatile at[MANY];

	for (int i = 0; i < MANY; i++)
		at[i] = memset(xmalloc((size_t)16 << i % 6), 0xa5, (size_t)16 << i % 6);
	for (int i = 0; i < MANY; i++)
		free(at[i]);
}

/* An object that is open points into libbpf's table of handlers: the next one must not move it. */
Test(handlers, stacks_do_not_move_those_of_an_object_that_is_open)
{
	_cleanup_stack_probe_ struct stack_probe *stacks = NULL;
	_cleanup_probe_ struct probe *p = NULL;
	struct snag_error err = SNAG_ERROR_INIT;
	struct snapshot_tasks_bpf *object;
	uint32_t hook;

	bpf_or_skip(probe_open(&p, &err), &err);
	bpf_or_skip(probe_ready(p, &err), &err);
	LIBBPF_OPTS(bpf_object_open_opts, opts,
		    .btf_custom_path = kernel_types_path(probe_types(p)));
	object = snapshot_tasks_bpf__open_opts(&opts);
	cr_assert(object);
	hook = kernel_types_iterator(probe_types(p), "task");
	cr_assert_eq(bpf_program__set_attach_target(object->progs.tasks, hook, NULL), 0);
	cr_assert_eq(bpf_program__set_attach_target(object->progs.stamps, hook, NULL), 0);

	stacks = stack_probe_new(probe_types(p));
	bpf_or_skip(stack_probe_ready(stacks, &err), &err);
	spoil_freed_memory();
	cr_expect_eq(snapshot_tasks_bpf__load(object), 0);
	snapshot_tasks_bpf__destroy(object);
}
