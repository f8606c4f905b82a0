/* SPDX-License-Identifier: BSD-2-Clause */
#include "model/tasks.h"

#include <criterion/criterion.h>

Test(tasks, those_of_an_actor_are_side_by_side)
{
	_cleanup_model_ struct model *m = model_new();
	_cleanup_strbuf_ struct strbuf name = STRBUF_INIT;
	uint32_t a = model_add_actor(m, 7, 1), one, two, count;

	one = model_add_task(m, a, 0x1000);
	two = model_add_task(m, a, 0x2000);
	cr_assert_eq(model_actor(m, a)->first_task, one);
	cr_assert_eq(model_actor(m, a)->task_count, 2);
	cr_expect_eq(model_task(m, one)->requested, NOT_TOLD);
	cr_assert(model_add_task_frame(m, two, (struct task_frame){ .line = 3 }));
	cr_assert(model_add_task_frame(m, two, (struct task_frame){ .line = 4 }));
	cr_expect_null(model_task_frames(m, one, &count));
	cr_expect_eq(model_task_frames(m, two, &count)[1].line, 4);
	cr_expect_eq(count, 2);
	task_name_add(&name, m, one);
	cr_expect_str_eq(strbuf_str(&name), "task at 0x1000");
	cr_expect_str_eq(task_state_name(TASK_WAITING), "waiting");
	cr_expect_str_eq(task_state_name(200), "unknown");
}
