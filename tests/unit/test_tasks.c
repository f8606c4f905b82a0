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

Test(tasks, who_was_asked_to_end_and_waits_on_is_told)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t a = model_add_actor(m, 7, 1), thread = model_add_thread(m, a, 7), task[4];
	static const int8_t shielded[] = { TOLD_YES, TOLD_NO, TOLD_NO, TOLD_NO };
	static const int8_t requested[] = { TOLD_NO, TOLD_YES, TOLD_YES, TOLD_NO };
	static const int8_t delivered[] = { TOLD_NO, TOLD_NO, TOLD_YES, TOLD_YES };

	for (uint32_t i = 0; i < 4; i++) {
		struct task *t;

		task[i] = model_add_task(m, a, 0x1000 * (i + 1));
		t = model_task(m, task[i]);
		t->state = TASK_WAITING;
		t->thread = thread;
		t->shielded = shielded[i];
		t->requested = requested[i];
		t->delivered = delivered[i];
		t->wait = model_add_wait(m, thread, 0);
		model_wait(m, t->wait)->task = task[i];
		model_wait(m, t->wait)->kind = WAIT_TASK_EVENT;
		model_wait(m, t->wait)->text = strtab_addf(m->strings, "waiting for %u", i);
	}
	model_find_task_facts(m);
	cr_assert_eq(m->findings.count, 3);
	cr_expect_str_eq(model_str(m, m->findings.at[0].kind), "task-shielded");
	cr_expect_str_eq(model_str(m, m->findings.at[1].kind), "cancel-undelivered");
	cr_expect_str_eq(model_str(m, m->findings.at[2].kind), "cancel-swallowed");
	/* neither who waits for other tasks, nor what was read of a loop that ran */
	m->findings.count = 0;
	map_release(&m->finding_ids);
	model_task(m, task[0])->hint = true;
	model_wait(m, model_task(m, task[1])->wait)->kind = WAIT_NURSERY;
	model_find_task_facts(m);
	cr_expect_eq(m->findings.count, 1);
}

/* An interpreter inside of the first process comes after the second process. */
Test(tasks, nurseries_and_scopes_get_into_the_order_of_actors)
{
	_cleanup_model_ struct model *m = model_new();
	uint32_t one = model_add_actor(m, 7, 1), two = model_add_actor(m, 8, 1);
	uint32_t inside = model_add_interpreter(m, one, 0);
	const uint32_t actors[] = { one, inside, inside, two };

	for (uint32_t i = 0; i < 4; i++) {
		uint32_t scope = model_add_scope(m, actors[i], 0x100 + i);
		uint32_t nursery = model_add_nursery(m, actors[i], 0x200 + i), task;

		model_scope(m, scope)->parent = i == 2 ? scope - 1 : 0;
		model_nursery(m, nursery)->scope = scope;
		task = model_add_task(m, actors[i], 0x300 + i);
		model_task(m, task)->scope = scope;
		model_task(m, task)->nursery = nursery;
		model_add_await(m, await_of(task, AWAIT_NURSERY), NULL, 0);
		m->awaits.at[i].nursery = nursery;
	}
	model_order_homes(m);
	for (uint32_t i = 0; i < 4; i++) {
		const struct task *t = model_task(m, i + 1);

		cr_expect_eq(model_scope(m, t->scope)->address, 0x100 + i);
		cr_expect_eq(model_nursery(m, t->nursery)->address, 0x200 + i);
		cr_expect_eq(m->awaits.at[i].nursery, t->nursery);
		cr_expect_eq(model_nursery(m, t->nursery)->scope, t->scope);
	}
	cr_expect_eq(m->nurseries.at[1].actor, two);
	cr_expect_eq(m->scopes.at[1].actor, two);
	cr_expect_eq(model_scope(m, model_task(m, 3)->scope)->parent, model_task(m, 2)->scope);
}
